package registry

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func TestSort(t *testing.T) {
	query := func(name string, phase v1alpha1.QueryPhase, duration v1alpha1.Duration, age time.Duration) v1alpha1.Query {
		q := v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": name[:1]},
			CreationTimestamp: metav1.NewTime(time.Unix(1e9, 0).Add(-age))}}
		if phase != "" {
			q.Status = &v1alpha1.QueryStatus{Phase: &phase, Duration: &duration,
				Conditions: []v1alpha1.Condition{{Type: "Other", Reason: "Z"}, {Type: "Completed", Reason: string(phase)}}}
		}
		return q
	}
	items := []v1alpha1.Query{
		query("a1", "running", "10s", time.Hour), query("a2", "", "", 2*time.Hour),
		query("b1", "done", "2m", time.Minute), query("c1", "error", "1h", 0), query("c2", "done", "9s", 3*time.Hour),
	}
	for by, want := range map[string]string{
		".metadata.name":                                    "a1 a2 b1 c1 c2",
		"-.metadata.name":                                   "c2 c1 b1 a2 a1",
		"{.metadata.creationTimestamp}":                     "c2 a2 a1 b1 c1",
		".status.phase":                                     "a2 b1 c2 c1 a1",
		"status.duration":                                   "a2 c2 a1 b1 c1",
		"-.status.duration":                                 "c1 b1 a1 c2 a2",
		"-.metadata.labels.team":                            "c1 c2 b1 a1 a2",
		".metadata.labels['team']":                          "a1 a2 b1 c1 c2",
		".status.conditions[1].reason":                      "a2 b1 c2 c1 a1",
		`.status.conditions[?(@.type=="Completed")].reason`: "a2 b1 c2 c1 a1",
	} {
		order, err := parseSort(by, reflect.TypeFor[*v1alpha1.Query]())
		if err != nil {
			t.Errorf("%s: %v", by, err)
			continue
		}
		list := &v1alpha1.QueryList{Items: slices.Clone(items)}
		if err := order.apply(list); err != nil {
			t.Errorf("%s: %v", by, err)
			continue
		}
		var names []string
		for _, q := range list.Items {
			names = append(names, q.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: got %s, want %s", by, got, want)
		}
	}
}

func TestSortRefuses(t *testing.T) {
	for _, by := range []string{
		"-", "{", ".", "{}", ".spec", ".status.conditions", ".nothing", ".spec.nothing", ".spec.input.a", "..name", ".metadata.labels",
		".metadata.name[0]", "{.metadata.name}{.spec.type}", "{range .items}", ".status.conditions[", ".metadata.*", "a b", "'x'", ".status.conditions[?(@.type==", "{.a}}",
	} {
		if _, err := parseSort(by, reflect.TypeFor[*v1alpha1.Query]()); err == nil {
			t.Errorf("%q is accepted", by)
		}
	}
}

func FuzzSort(f *testing.F) {
	f.Add(".status.phase")
	f.Add(`-{.status.conditions[?(@.type=="x")].reason}`)
	f.Add(".status.conditions[-1:].reason")
	phase := v1alpha1.QueryDone
	list := &v1alpha1.QueryList{Items: []v1alpha1.Query{{}, {Status: &v1alpha1.QueryStatus{Phase: &phase, Conditions: []v1alpha1.Condition{{Type: "x"}}}}}}
	f.Fuzz(func(_ *testing.T, by string) {
		order, err := parseSort(by, reflect.TypeFor[*v1alpha1.Query]())
		if err != nil {
			return
		}
		_ = order.apply(list.DeepCopy()) // an error is an answer too; it must not panic
	})
}
