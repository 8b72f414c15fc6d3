package standalone

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

const (
	queriesPath = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/queries"
	queryHead   = `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"q"}`
)

// hostileWrite is a write with the code that it has to be answered with.
type hostileWrite struct {
	method, path, contentType, body string
	want                            int
}

// query has what an apply needs and others may not have.
func (w hostileWrite) query() string {
	if w.contentType == "application/apply-patch+yaml" {
		return "dryRun=All&fieldManager=x&force=true"
	}
	return "dryRun=All"
}

// writesOf are all ways to write a value into the free-form input of a query, and where no kind has
// a field: each with the code that is wanted for a value that no client could hold.
func writesOf(value string) map[string]hostileWrite {
	object := queryHead + `,"spec":{"selector":{},"input":` + value + `}}`
	status := queryHead + `,"spec":{"input":"x","selector":{}},"status":{"future":` + value + `}}`
	return map[string]hostileWrite{
		"create":                 {"POST", queriesPath, "application/json", strings.Replace(object, `"q"`, `"new"`, 1), 400},
		"create as YAML":         {"POST", queriesPath, "application/yaml", strings.Replace(object, `"q"`, `"new"`, 1), 400},
		"create, unknown":        {"POST", queriesPath, "application/json", queryHead + `,"future":` + value + `,"spec":{"input":"x","selector":{}}}`, 400},
		"update":                 {"PUT", queriesPath + "/q", "application/json", object, 400},
		"status update":          {"PUT", queriesPath + "/q/status", "application/json", status, 400},
		"merge patch":            {"PATCH", queriesPath + "/q", "application/merge-patch+json", `{"spec":{"selector":{},"input":` + value + `}}`, 400},
		"status merge patch":     {"PATCH", queriesPath + "/q/status", "application/merge-patch+json", `{"status":{"future":` + value + `}}`, 400},
		"JSON patch":             {"PATCH", queriesPath + "/q", "application/json-patch+json", `[{"op":"replace","path":"/spec/input","value":` + value + `}]`, 400},
		"status JSON patch":      {"PATCH", queriesPath + "/q/status", "application/json-patch+json", `[{"op":"add","path":"/status","value":{"future":` + value + `}}]`, 400},
		"apply":                  {"PATCH", queriesPath + "/q", "application/apply-patch+yaml", object, 400},
		"status apply":           {"PATCH", queriesPath + "/q/status", "application/apply-patch+yaml", status, 400},
		"managed fields":         {"PUT", queriesPath + "/q", "application/json", strings.Replace(object, `"name":"q"`, `"name":"q","managedFields":[{"fieldsV1":{"f:a":`+value+`}}]`, 1), 400},
		"an object's generation": {"PUT", queriesPath + "/q", "application/json", strings.Replace(object, `"name":"q"`, `"name":"q","generation":`+value, 1), 400},
	}
}

// TestNumbersThatNobodyCanHold are refused with a Status, as for custom resources, whatever
// they are in; nothing panics.
func TestNumbersThatNobodyCanHold(t *testing.T) {
	r := start(t, t.TempDir())
	if a := r.serve(t.Context(), "POST", queriesPath, "", "application/json", "", []byte(queryHead+`,"spec":{"input":"x","selector":{}}}`)); a.Code != 201 {
		t.Fatalf("%d: %s", a.Code, a.Body)
	}
	for _, number := range []string{"1e999", "-1E+999", "1" + strings.Repeat("0", 400), strings.Repeat("9", 400) + ".5"} {
		for _, around := range []string{"%s", `{"a":[1,%s]}`} {
			value := fmt.Sprintf(around, number)
			for name, w := range writesOf(value) {
				for _, validation := range []string{"", "Strict", "Ignore"} {
					query := w.query() + "&fieldValidation=" + validation
					a := r.serve(t.Context(), w.method, w.path, query, w.contentType, "", []byte(w.body))
					// Without validation a patch is decoded only after it was merged.
					lenient := validation == "Ignore" && a.Code == 422 && strings.HasSuffix(name, " patch")
					// YAML has a number without a point, or a great one, for a text.
					isYAML := strings.HasSuffix(w.contentType, "yaml")
					if isYAML && a.Code < 300 {
						continue
					}
					if a.Code != w.want && !lenient {
						t.Errorf("%s of %.20s, %s: %d, want %d: %.300s", name, value, validation, a.Code, w.want, a.Body)
					}
					isStatus(t, a.Body.Bytes())
				}
			}
		}
	}
	// What fits is kept as it is written.
	const fits = `{"a":[1e300,123456789012345678901234567890,-0.0]}`
	a := r.serve(t.Context(), "PUT", queriesPath+"/q", "", "application/json", "", []byte(queryHead+`,"spec":{"selector":{},"input":`+fits+`}}`))
	if a.Code != 200 || !strings.Contains(a.Body.String(), `"input":`+fits) {
		t.Errorf("%d: %s", a.Code, a.Body)
	}
}

func isStatus(t *testing.T, body []byte) {
	t.Helper()
	var status metav1.Status
	if err := json.Unmarshal(body, &status); err != nil || status.Kind != "Status" || status.Message == "" || status.Reason == "" {
		t.Errorf("no Status with a reason: %.300s", body)
	}
}

// TestValuesThatNestTooDeep are 422; those that nest as deep as is allowed are taken.
func TestValuesThatNestTooDeep(t *testing.T) {
	r := start(t, t.TempDir())
	if a := r.serve(t.Context(), "POST", queriesPath, "", "application/json", "", []byte(queryHead+`,"spec":{"input":"x","selector":{}}}`)); a.Code != 201 {
		t.Fatalf("%d: %s", a.Code, a.Body)
	}
	nested := func(levels int) string { return strings.Repeat(`{"a":`, levels) + "1" + strings.Repeat("}", levels) }
	for _, levels := range []int{201, 400, 3000} {
		for name, w := range writesOf(nested(levels)) {
			switch name {
			case "managed fields", "an object's generation":
				continue // they have types
			}
			a := r.serve(t.Context(), w.method, w.path, w.query()+"&fieldValidation=Ignore", w.contentType, "", []byte(w.body))
			if a.Code != 422 {
				t.Errorf("%s of %d levels: %d: %.300s", name, levels, a.Code, a.Body)
			}
			isStatus(t, a.Body.Bytes())
		}
	}
	for name, w := range writesOf(nested(200)) {
		switch name {
		case "managed fields", "an object's generation", "create as YAML", "create, unknown":
			continue
		}
		a := r.serve(t.Context(), w.method, w.path, w.query()+"&fieldValidation=Ignore", w.contentType, "", []byte(w.body))
		if a.Code != 200 && a.Code != 201 {
			t.Errorf("%s of 200 levels: %d: %.300s", name, a.Code, a.Body)
		}
	}
}

// TestExpiredRequests: each verb is answered 504 with a Status when its time is over.
func TestExpiredRequests(t *testing.T) {
	r := start(t, t.TempDir())
	object := queryHead + `,"spec":{"input":"x","selector":{}}}`
	if a := r.serve(t.Context(), "POST", queriesPath, "", "application/json", "", []byte(object)); a.Code != 201 {
		t.Fatalf("%d: %s", a.Code, a.Body)
	}
	for name, w := range map[string]hostileWrite{
		"create":           {"POST", queriesPath, "application/json", strings.Replace(object, `"q"`, `"new"`, 1), 0},
		"get":              {"GET", queriesPath + "/q", "", "", 0},
		"list":             {"GET", queriesPath, "", "", 0},
		"update":           {"PUT", queriesPath + "/q", "application/json", object, 0},
		"status update":    {"PUT", queriesPath + "/q/status", "application/json", object, 0},
		"merge patch":      {"PATCH", queriesPath + "/q", "application/merge-patch+json", `{}`, 0},
		"JSON patch":       {"PATCH", queriesPath + "/q", "application/json-patch+json", `[]`, 0},
		"apply":            {"PATCH", queriesPath + "/q", "application/apply-patch+yaml", object, 0},
		"delete":           {"DELETE", queriesPath + "/q", "", "", 0},
		"deletecollection": {"DELETE", queriesPath, "", "", 0},
	} {
		for _, timeout := range []string{"1ns", "20us", "100us", "300us", "600us", "1ms", "2ms"} {
			for range 20 {
				a := r.serve(t.Context(), w.method, w.path, w.query()+"&timeout="+timeout, w.contentType, "", []byte(w.body))
				switch a.Code {
				case 200, 201: // in time
					if timeout == "1ns" {
						t.Errorf("%s in no time: %d", name, a.Code)
					}
				case 504:
					var status metav1.Status
					if err := json.Unmarshal(a.Body.Bytes(), &status); err != nil || status.Reason != metav1.StatusReasonTimeout || status.Code != 504 {
						t.Errorf("%s in %s: %s", name, timeout, a.Body)
					}
				default:
					t.Errorf("%s in %s: %d: %.300s", name, timeout, a.Code, a.Body)
				}
			}
		}
	}
}

// TestUndecodableObject: the server gets ready with one, serves all else, and lets the admin
// delete it.
func TestUndecodableObject(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	t.Run("before", func(t *testing.T) {
		r := start(t, dir)
		for _, s := range registrytest.Samples() {
			for _, name := range []string{"bad", "good"} {
				body := strings.Replace(string(mustEncode(t, s.Object("default", name))), `"name":"keys"`, `"name":"keys","optional":true`, 1)
				r.serve(ctx, "POST", collectionOf(s), "", "application/json", "", []byte(body)) // some refer to what is not there
			}
		}
		if a := r.serve(ctx, "POST", queriesPath, "", "application/json", "", []byte(queryHead+`,"spec":{"input":"x","selector":{}}}`)); a.Code != 201 {
			t.Fatalf("%d: %s", a.Code, a.Body)
		}
		r.damage(t, "/registry/ark.mckinsey.com/queries/default/bad", `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":7}}`)
	})
	r := start(t, dir) // fails unless the server gets ready
	for _, s := range registrytest.Samples() {
		for _, query := range []string{"", "resourceVersion=0", "limit=1"} {
			if a := r.serve(ctx, "GET", collectionOf(s), query, "", "", nil); a.Code != 200 {
				t.Errorf("list of %s, %s: %d: %s", s.Plural, query, a.Code, a.Body)
			}
		}
	}
	if a := r.serve(ctx, "GET", queriesPath+"/q", "", "", "", nil); a.Code != 200 {
		t.Errorf("another object of the kind: %d: %s", a.Code, a.Body)
	}
	if a := r.serve(ctx, "PATCH", queriesPath+"/q", "", "application/merge-patch+json", "", []byte(`{"metadata":{"labels":{"a":"b"}}}`)); a.Code != 200 {
		t.Errorf("patch of another object of the kind: %d: %s", a.Code, a.Body)
	}
	if a := r.serve(ctx, "GET", queriesPath+"/bad", "", "", "", nil); a.Code != 500 || !strings.Contains(a.Body.String(), "StoreReadError") && !strings.Contains(a.Body.String(), "corrupt") {
		t.Errorf("get of the object itself: %d: %s", a.Code, a.Body)
	}
	if a := r.serve(ctx, "DELETE", queriesPath+"/bad", "", "", "", nil); a.Code != 500 {
		t.Errorf("plain delete: %d: %s", a.Code, a.Body)
	}
	if a := r.serve(ctx, "DELETE", queriesPath+"/q", "ignoreStoreReadErrorWithClusterBreakingPotential=true", "", "", nil); a.Code == 200 {
		t.Errorf("an object that can be read was deleted without its finalizers: %d: %s", a.Code, a.Body)
	}
	if a := r.serve(ctx, "DELETE", queriesPath+"/bad", "ignoreStoreReadErrorWithClusterBreakingPotential=true", "", "", nil); a.Code != 200 {
		t.Errorf("delete that ignores the read error: %d: %s", a.Code, a.Body)
	}
	if a := r.serve(ctx, "GET", queriesPath+"/bad", "", "", "", nil); a.Code != http.StatusNotFound {
		t.Errorf("the object is still there: %d: %s", a.Code, a.Body)
	}
}

func collectionOf(s registrytest.Sample) string {
	if s.ClusterScoped {
		return "/apis/ark.mckinsey.com/" + s.Version + "/" + s.Plural
	}
	return "/apis/ark.mckinsey.com/" + s.Version + "/namespaces/default/" + s.Plural
}

func mustEncode(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
