package registry

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// Each kind names every field of type Duration that its Go type has.
func TestEveryDurationHasItsPlace(t *testing.T) {
	everyKind(t, func(t *testing.T, kind Kind, _ registrytest.Sample) {
		obj := kind.New()
		want := 0
		fill(reflect.ValueOf(obj).Elem(), &want)
		got := map[place]bool{}
		for _, p := range slices.Concat(kind.parts.durations.of(obj), kind.parts.statusDurations.of(obj)) {
			if p == nil || *p == nil {
				t.Errorf("%s has a place without a duration in a full object", kind.Name)
				continue
			}
			got[p] = true
		}
		if len(got) != want {
			t.Errorf("%s names %d durations, its type has %d", kind.Name, len(got), want)
		}
	})
}

// fill sets every pointer and gives every list one item, and counts durations.
func fill(v reflect.Value, durations *int) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type() == reflect.TypeFor[*v1alpha1.Duration]() {
			*durations++
		}
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), durations)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0), durations)
		}
	case reflect.Struct:
		if v.Type().PkgPath() != reflect.TypeFor[v1alpha1.Query]().PkgPath() && v.Type().PkgPath() != kindPackage(v) {
			return
		}
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; v.Field(i).CanSet() && name != "TypeMeta" && name != "ObjectMeta" {
				fill(v.Field(i), durations)
			}
		}
	}
}

// kindPackage is the package of a type of the group that is not in v1alpha1.
func kindPackage(v reflect.Value) string {
	const other = "github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
	if v.Type().PkgPath() == other {
		return other
	}
	return "-"
}

func TestSpellDurations(t *testing.T) {
	duration := func(text string) *v1alpha1.Duration {
		if text == "" {
			return nil
		}
		d := v1alpha1.Duration(text)
		return &d
	}
	for _, c := range []struct {
		name, was, is, goForm, kept string
	}{
		{"new", "", "5m", "5m0s", "5m"},
		{"the same", "5m", "5m", "5m", "5m"},
		{"another spelling", "5m", "300s", "5m", "5m"},
		{"another value", "5m", "6m", "6m0s", "6m"},
		{"gone", "5m", "", "", ""},
		{"no duration", "5m", "soon", "soon", "soon"},
		{"no duration before", "soon", "5m", "5m0s", "5m"},
		{"zero", "", "0", "0s", "0"},
		{"negative", "-60s", "-1m", "-60s", "-60s"},
		{"more than an int64 holds", "5m", "9999999999h", "9999999999h", "9999999999h"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for goForm, want := range map[bool]string{true: c.goForm, false: c.kept} {
				var old runtime.Object
				if c.was != "" {
					old = &v1alpha1.Query{Spec: v1alpha1.QuerySpec{TTL: duration(c.was)}}
				}
				obj := &v1alpha1.Query{Spec: v1alpha1.QuerySpec{TTL: duration(c.is)}}
				defineQuery().spellDurations(obj, old, goForm)
				if got := textOf(obj.Spec.TTL); got != want {
					t.Errorf("in Go's form %t: %q, want %q", goForm, got, want)
				}
			}
		})
	}
}

// An update is made twice only where the other spelling could give its manager a field:
// controllers that write the status send the spec along, as they know it.
func TestUpdatesMadeTwice(t *testing.T) {
	spell := func(ttl, duration v1alpha1.Duration) *v1alpha1.Query {
		return &v1alpha1.Query{Spec: v1alpha1.QuerySpec{TTL: &ttl}, Status: &v1alpha1.QueryStatus{Duration: &duration}}
	}
	stored := spell("5m0s", "1.5s")
	parts := defineQuery().parts
	for _, c := range []struct {
		name  string
		sent  *v1alpha1.Query
		where places
		want  int
	}{
		{"spec as stored", spell("5m0s", "1.5s"), parts.durations, 1},
		{"spec respelled", spell("5m", "1.5s"), parts.durations, 2},
		{"spec changed", spell("6m", "1.5s"), parts.durations, 1},
		{"spec, the status respelled", spell("5m0s", "1500ms"), parts.durations, 1},
		{"status as stored", spell("5m0s", "1.5s"), parts.statusDurations, 1},
		{"status, the spec respelled", spell("5m", "1.5s"), parts.statusDurations, 1},
		{"status respelled", spell("5m0s", "1500ms"), parts.statusDurations, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			made := 0
			info := rest.DefaultUpdatedObjectInfo(c.sent, func(_ context.Context, obj, _ runtime.Object) (runtime.Object, error) {
				made++
				return obj, nil
			})
			if _, err := (spelling{info, defineQuery(), c.where}).UpdatedObject(t.Context(), stored); err != nil {
				t.Fatal(err)
			}
			if made != c.want {
				t.Errorf("made %d times, want %d", made, c.want)
			}
		})
	}
}
