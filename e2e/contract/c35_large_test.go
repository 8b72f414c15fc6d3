package contract

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apischema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// largeObjects: objects as large as --max-object-size can allow, and what becomes of them when it
// is lowered.
func largeObjects(t *testing.T, s *server) {
	const mebibyte = 1 << 20
	const variable = "ARK_MAX_OBJECT_SIZE" // the flag, for a server that the system starts as it always does
	t.Setenv(variable, "16Mi")
	own := s.own(t)
	p := own.place(t, kindNamed("Query"))
	input := func(size int) string { return strings.Repeat("x", size) }
	large := func(short string, size int, change ...func(object)) object {
		return p.sample(short, append(change, func(o object) { o.Object["spec"].(map[string]any)["input"] = input(size) })...)
	}
	sizeOf := func(o object) int { return len(o.Object["spec"].(map[string]any)["input"].(string)) }

	// client-go has a limit of its own for an event of a watch.
	client, err := dynamic.NewForConfig(rest.CopyConfig(own.config))
	if err != nil {
		t.Fatal(err)
	}
	watching, err := client.Resource(apischema.GroupVersionResource{Group: "ark.mckinsey.com", Version: p.kind.Version, Resource: p.kind.Plural}).Namespace(p.namespace).Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer watching.Stop()
	const most = 16*mebibyte - 8<<10 // with metadata, the largest that is taken
	keep := func(o object) { o.SetFinalizers([]string{"example.com/keep"}) }
	p.post(t, large("largest", most)).want(t, http.StatusCreated)
	p.post(t, large("kept", 3*mebibyte, keep)).want(t, http.StatusCreated)
	p.post(t, large("shrinks", 3*mebibyte)).want(t, http.StatusCreated)
	for _, want := range []string{"largest", "kept", "shrinks"} {
		if e := <-watching.ResultChan(); e.Object == nil || e.Type != "ADDED" || e.Object.(object).GetName() != p.name(want) {
			t.Fatalf("client-go's watch has %s %T, want %s", e.Type, e.Object, want)
		}
	}
	p.post(t, large("larger", 16*mebibyte)).refused(t, http.StatusRequestEntityTooLarge, metav1.StatusReasonRequestEntityTooLarge, "16 MiB", "--max-object-size")
	p.label(t, "largest", "a", "b")
	if e := <-watching.ResultChan(); e.Object == nil || e.Type != "MODIFIED" || sizeOf(e.Object.(object)) != most {
		t.Fatalf("client-go's watch has %s %T of the change", e.Type, e.Object)
	}
	check := func(what string) {
		t.Helper()
		for short, size := range map[string]int{"largest": most, "kept": 3 * mebibyte, "shrinks": 3 * mebibyte} {
			if got := sizeOf(p.read(t, short)); got != size {
				t.Errorf("%s: %s has an input of %d bytes, want %d", what, short, got, size)
			}
		}
		for _, parameters := range [][]string{nil, {"resourceVersion=0"}, {"limit=1"}} {
			if n := len(p.list(t, parameters...)); n != 3 && parameters == nil || n == 0 {
				t.Errorf("%s: a list with %v has %d objects", what, parameters, n)
			}
		}
	}
	check("at 16Mi")

	t.Setenv(variable, "1536Ki")
	own.process.Kill()
	own.process.Start(t)
	check("lowered")
	tooLarge := func(a answer) {
		t.Helper()
		a.refused(t, http.StatusRequestEntityTooLarge, metav1.StatusReasonRequestEntityTooLarge)
	}
	set := func(size int) string { return fmt.Sprintf(`{"spec":{"input":%q}}`, input(size)) }
	tooLarge(p.post(t, large("new", 2*mebibyte)))
	// Within what a request may have, and yet more than is stored.
	tooLarge(p.patch(t, "shrinks", mergePatch, fmt.Sprintf(`{"metadata":{"annotations":{"more":%q}}}`, input(200_000))))
	p.patch(t, "shrinks", mergePatch, set(2*mebibyte)).want(t, http.StatusOK)
	p.patch(t, "shrinks", mergePatch, set(mebibyte)).want(t, http.StatusOK)
	tooLarge(p.patch(t, "shrinks", mergePatch, set(2*mebibyte)))
	p.delete(t, "largest", nil).want(t, http.StatusOK)
	p.gone(t, "largest")
	if a := p.delete(t, "kept", nil); a.code != http.StatusOK || a.object(t).GetDeletionTimestamp() == nil {
		t.Errorf("delete what has a finalizer: %d: %s", a.code, excerpt(a.body))
	}
	p.patch(t, "kept", mergePatch, `{"metadata":{"finalizers":null}}`).want(t, http.StatusOK)
	p.gone(t, "kept")
}
