package standalone

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/klog/v2"
)

// TestDamageWhileServing: a watch that is open when an object becomes undecodable sees it
// deleted, sees all else, and stays open; the log has one line for each state of it.
func TestDamageWhileServing(t *testing.T) {
	logged := captureLog(t)
	r := start(t, t.TempDir())
	queries := r.objects.Resource(schema.GroupVersionResource{Group: "ark.mckinsey.com", Version: "v1alpha1", Resource: "queries"}).Namespace("default")
	create := func(name string) {
		t.Helper()
		body := strings.Replace(queryHead, `"name":"q"`, `"name":"`+name+`"`, 1) + `,"spec":{"input":"x","selector":{}}}`
		if a := r.serve(t.Context(), "POST", queriesPath, "", "application/json", "", []byte(body)); a.Code != 201 {
			t.Fatalf("%d: %s", a.Code, a.Body)
		}
	}
	watching, err := queries.Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer watching.Stop()
	var last int64
	sees := func(kind watch.EventType, name string) {
		t.Helper()
		e, open := <-watching.ResultChan()
		if !open {
			t.Fatalf("the watch ended before %s of %s", kind, name)
		}
		object, ok := e.Object.(*unstructured.Unstructured)
		if !ok || e.Type != kind || object.GetName() != name {
			t.Fatalf("got %s of %v, want %s of %s", e.Type, e.Object, kind, name)
		}
		if _, found, _ := unstructured.NestedString(object.Object, "spec", "input"); !found {
			t.Errorf("%s of %s without its last state: %v", kind, name, object)
		}
		revision, err := strconv.ParseInt(object.GetResourceVersion(), 10, 64)
		if err != nil || revision <= last {
			t.Errorf("%s of %s at resourceVersion %q after %d", kind, name, object.GetResourceVersion(), last)
		}
		last = revision
	}
	var damages int64
	for i, text := range []string{
		`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":7}}`,
		`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Model","metadata":{"name":"x"}}`,
		"", "k8s:enc:aescbc:v1:key:", "\x00\xff", "[]", "null",
	} {
		name := fmt.Sprintf("bad-%d", i)
		create(name)
		sees(watch.Added, name)
		r.damage(t, "/registry/ark.mckinsey.com/queries/default/"+name, text)
		sees(watch.Deleted, name)
		r.damage(t, fmt.Sprintf("/registry/ark.mckinsey.com/queries/default/new-%d", i), text) // nobody has seen it
		damages += 2
		create(fmt.Sprintf("good-%d", i))
		sees(watch.Added, fmt.Sprintf("good-%d", i))
		for _, query := range []string{"", "resourceVersion=0", "limit=500"} {
			if a := r.serve(t.Context(), "GET", queriesPath, query, "", "", nil); a.Code != 200 || strings.Count(a.Body.String(), `"input":"x"`) != i+1 {
				t.Errorf("list with %q after the damage %q: %d: %.300s", query, text, a.Code, a.Body)
			}
		}
		if a := r.serve(t.Context(), "DELETE", queriesPath+"/"+name, "ignoreStoreReadErrorWithClusterBreakingPotential=true", "", "", nil); a.Code != 200 {
			t.Errorf("delete that ignores the read error, of %q: %d: %s", text, a.Code, a.Body)
		}
		create(name)
		sees(watch.Added, name)
		if a := r.serve(t.Context(), "DELETE", queriesPath+"/"+name, "", "", "", nil); a.Code != 200 {
			t.Errorf("delete: %d: %s", a.Code, a.Body)
		}
		sees(watch.Deleted, name)
	}
	// Repaired in place.
	create("repaired")
	sees(watch.Added, "repaired")
	key := "/registry/ark.mckinsey.com/queries/default/repaired"
	r.damage(t, key, "x")
	sees(watch.Deleted, "repaired")
	damages++
	r.damage(t, key, strings.Replace(queryHead, `"name":"q"`, `"name":"repaired","namespace":"default"`, 1)+`,"spec":{"input":"x","selector":{}}}`)
	sees(watch.Added, "repaired")

	if counted := r.findings.Undecodable()["queries.ark.mckinsey.com"]; counted < damages {
		t.Errorf("%d undecodable objects were counted, want at least %d", counted, damages)
	}
	var named int64
	for line := range strings.Lines(logged()) {
		switch {
		case strings.Contains(line, "A stored object cannot be decoded") && strings.Contains(line, "kubectl delete --raw") && strings.Contains(line, "/registry/ark.mckinsey.com/queries/default/"):
			named++
		case strings.HasPrefix(line, "E"), strings.Contains(line, "Retrying"):
			t.Errorf("the log has %q", line)
		}
	}
	if named != damages {
		t.Errorf("the log names an object %d times, want %d", named, damages)
	}
}

// captureLog returns what is logged from now on to the end of the test.
func captureLog(t *testing.T) func() string {
	t.Helper()
	state := klog.CaptureState()
	t.Cleanup(state.Restore)
	var flags flag.FlagSet
	klog.InitFlags(&flags)
	for name, value := range map[string]string{"logtostderr": "false", "one_output": "true"} {
		if err := flags.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	var text strings.Builder
	klog.SetOutput(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return text.Write(p)
	}))
	return func() string {
		klog.Flush()
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
