package records

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apiserver/filters"
)

// objectPath returns the path of an object, or of its collection if the name is "".
func objectPath(kind install.Kind, namespace, name string) string {
	path := "/apis/" + kind.GroupVersion.String()
	if !kind.ClusterScoped {
		path += "/namespaces/" + url.PathEscape(namespace)
	}
	path += "/" + kind.Plural
	if name != "" {
		path += "/" + url.PathEscape(name)
	}
	return path
}

// send writes an object with the identity of the request's sender, with all checks of an external
// request, and under the same audit id. It returns the resulting object.
func (g *Group) send(ctx context.Context, method, path string, asked url.Values, object map[string]any) (map[string]any, error) {
	who, ok := request.UserFrom(ctx)
	if !ok {
		return nil, errNoUser
	}
	client, err := g.transport.As(who)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://in-process"+path+"?"+asked.Encode(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if actor, ok := filters.ActorFrom(ctx); ok {
		r.Header.Set("User-Agent", actor.UserAgent)
		if actor.AuditID != "" {
			r.Header.Set("Audit-ID", actor.AuditID)
		}
	}
	answer, err := client.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= http.StatusBadRequest {
		status := metav1.Status{}
		if json.Unmarshal(text, &status) != nil || status.Code == 0 {
			return nil, fmt.Errorf("%s %s: %s", method, path, answer.Status)
		}
		return nil, &apierrors.StatusError{ErrStatus: status}
	}
	made := map[string]any{}
	return made, json.Unmarshal(text, &made)
}

// writeOptions returns the options of a request that apply to its write.
func writeOptions(asked url.Values, manager string) url.Values {
	options := url.Values{"fieldManager": {manager}}
	for _, name := range []string{"dryRun", "fieldManager", "fieldValidation"} {
		if asked.Has(name) {
			options[name] = asked[name]
		}
	}
	return options
}
