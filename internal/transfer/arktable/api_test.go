package arktable

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/storetest"
	"github.com/mckinsey/ark-server/internal/transfer"
)

// serve answers for the table as kube-apiserver does that leads to ark-apiserver: lists from the
// newest resourceVersion down, in pages whose tokens are its own, and items without what is empty
// but their status.
func (u *upstream) serve(t *testing.T) *rest.Config {
	t.Helper()
	answer := func(w http.ResponseWriter, value any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(value); err != nil {
			t.Error(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"resources": []any{map[string]any{"name": "pods"}, map[string]any{"name": "namespaces"}, map[string]any{"name": "secrets"}}})
	})
	mux.HandleFunc("GET /api/v1/namespaces/kube-system", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"metadata": map[string]any{"uid": "the-cluster"}})
	})
	mux.HandleFunc("GET /apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.ark.mckinsey.com", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"spec": map[string]any{"service": map[string]any{"namespace": "ark-system", "name": "ark-apiserver"}}})
	})
	mux.HandleFunc("GET /apis/"+ark.GroupName, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"versions": []any{map[string]any{"version": "v1alpha1"}, map[string]any{"version": "v1prealpha1"}}})
	})
	for _, version := range []string{"v1alpha1", "v1prealpha1"} {
		var resources []any
		for _, kind := range install.Kinds() {
			if kind.GroupVersion.Version == version {
				resources = append(resources, map[string]any{"name": kind.Plural})
				mux.HandleFunc("GET /apis/"+ark.GroupName+"/"+version+"/"+kind.Plural, func(w http.ResponseWriter, r *http.Request) {
					page, err := u.page(r, kind)
					if err != nil {
						t.Error(err)
					}
					answer(w, page)
				})
			}
		}
		mux.HandleFunc("GET /apis/"+ark.GroupName+"/"+version, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, map[string]any{"resources": resources})
		})
	}
	served := httptest.NewServer(mux)
	t.Cleanup(served.Close)
	return &rest.Config{Host: served.URL}
}

func (u *upstream) page(r *http.Request, kind install.Kind) (any, error) {
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil {
		return nil, err
	}
	cursor := int64(1 << 60)
	if token := r.URL.Query().Get("continue"); token != "" {
		text, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return nil, err
		}
		if cursor, err = strconv.ParseInt(string(text), 10, 64); err != nil {
			return nil, err
		}
	}
	rows, err := u.conn.Query(r.Context(), `SELECT resource_version, json_strip_nulls(json_build_object('apiVersion', $2::text, 'kind', kind, 'spec', spec, 'status', coalesce(status, '{}'), 'metadata', json_build_object(
		'name', name, 'namespace', namespace, 'uid', uid, 'resourceVersion', resource_version::text, 'generation', generation,
		'creationTimestamp', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'labels', NULLIF(labels, '{}'), 'annotations', NULLIF(annotations, '{}'),
		'finalizers', NULLIF(finalizers, '[]'), 'ownerReferences', NULLIF(owner_references, '[]'),
		'deletionTimestamp', to_char(deletion_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))))::text
		FROM resources WHERE kind = $1 AND deleted_at IS NULL AND resource_version < $3 ORDER BY resource_version DESC LIMIT $4`,
		kind.Name, kind.GroupVersion.String(), cursor, limit+1)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	items, next := []json.RawMessage{}, ""
	for rows.Next() {
		var text string
		before := cursor
		if err := rows.Scan(&cursor, &text); err != nil {
			return nil, err
		}
		if len(items) == limit {
			next = base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprint(before)))
			break
		}
		if kind.ClusterScoped {
			text = strings.Replace(text, `"namespace":"",`, "", 1)
		}
		items = append(items, json.RawMessage(text))
	}
	return map[string]any{"metadata": map[string]any{"resourceVersion": "100000", "continue": next}, "items": items}, rows.Err()
}

// Both ways bring the same objects: what one imports the other verifies.
func TestThroughItsAPI(t *testing.T) {
	t.Parallel()
	u := newUpstream(t)
	n := u.samples(t, 20)
	api, err := transfer.NewKube(t.Context(), u.serve(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := api.Backend(); got != "ark-system/ark-apiserver" {
		t.Errorf("the API is served by %q", got)
	}
	var told said
	table, ofTable, ofAPI := u.open(t, &told), transfer.NewStore(storetest.OpenKV(t)), transfer.NewStore(storetest.OpenKV(t))
	if api.ID() == table.ID() {
		t.Errorf("both sources are %s", api.ID())
	}
	wantCounts(t, runImport(t, table, ofTable, &told), &told, map[transfer.Outcome]int{transfer.Created: n})
	wantCounts(t, runImport(t, api, ofAPI, &told), &told, map[transfer.Outcome]int{transfer.Created: n})
	wantCounts(t, verify(t, api, ofTable, &told), &told, map[transfer.Outcome]int{transfer.Unchanged: n})
	wantCounts(t, verify(t, table, ofAPI, &told), &told, map[transfer.Outcome]int{transfer.Unchanged: n})
	// The one goes on where the other was, as long as nothing differs.
	wantCounts(t, runImport(t, table, ofAPI, &told), &told, map[transfer.Outcome]int{transfer.Unchanged: n})
}
