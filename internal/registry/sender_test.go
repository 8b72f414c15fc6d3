package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// keyed holds the data of one Secret and one ConfigMap, both named held in team-a, or nil for none.
type keyed struct {
	data  map[string]string
	err   error
	reads int
}

func (k *keyed) get(namespace, name string) (map[string]string, error) {
	k.reads++
	if k.err != nil {
		return nil, k.err
	}
	if k.data == nil || namespace != "team-a" || name != "held" {
		return nil, apierrors.NewNotFound(schema.GroupResource{}, name)
	}
	return k.data, nil
}

func (k *keyed) Secret(_ context.Context, namespace, name, _ string) (map[string][]byte, error) {
	data, err := k.get(namespace, name)
	out := map[string][]byte{}
	for key, value := range data {
		out[key] = []byte(value)
	}
	return out, err
}

func (k *keyed) ConfigMap(_ context.Context, namespace, name, _ string) (map[string]string, error) {
	return k.get(namespace, name)
}

// referencePlace is a place where a kind's spec may refer to a Secret or a ConfigMap.
type referencePlace struct {
	place string // the kind and the path
	kind  Kind
	// spec has a verb in the place of the value, or, in an element of a list, of the value's source.
	spec string
}

// references returns every such place, as the facts have them.
func references(t *testing.T) []referencePlace {
	t.Helper()
	var all []referencePlace
	for _, kind := range Kinds() {
		for _, r := range registrytest.Of(kind.Name).Facts.References {
			all = append(all, referencePlace{kind.Name + "." + r.Place, kind, r.Spec})
		}
	}
	return all
}

// outcomes are what a reference may find. The content is no URL that a policy allows.
var outcomes = []struct {
	name string
	data map[string]string
}{
	{"missing", nil},
	{"without the key", map[string]string{"other-key": "other-content"}},
	{"an URL", map[string]string{"token": "https://secret-content.example"}},
	{"another scheme", map[string]string{"token": "secret-content://x"}},
	{"no URL", map[string]string{"token": "%zz secret-content"}},
	{"empty", map[string]string{"token": ""}},
}

// faultsFor creates an object that refers to the key token of held.
func faultsFor(t *testing.T, ctx context.Context, kind Kind, spec, source string, objects *keyed, allow authorizer.Authorizer) field.ErrorList {
	t.Helper()
	obj := objectOf(t, kind, spec, source)
	return rulesWith(kind, objects, allow).check(ctx, obj, nil)
}

func rulesWith(kind Kind, objects rules.KeyedObjects, allow authorizer.Authorizer) *ruleset {
	return &ruleset{kind: kind, env: Environment{Authorizer: allow},
		objects: rules.Env{Objects: newArkObjects(objects), ModelURLs: rules.URLPolicy{HTTPSOnly: true, Domains: []string{"allowed.example"}}}}
}

func objectOf(t *testing.T, kind Kind, spec, source string) runtime.Object {
	t.Helper()
	value := `{` + source + `}`
	if strings.Contains(spec, ",%s}]") { // a list's element holds the source itself
		value = source
	}
	// Those of the base URL alone are to be at fault.
	text := strings.ReplaceAll(strings.Replace(spec, "%s", value, 1), "https://a.example", "https://allowed.example")
	obj := kind.New()
	if err := json.Unmarshal([]byte(`{"metadata":{"name":"o","namespace":"team-a"},"spec":`+text+`}`), obj); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return obj
}

// parameters is the spec of a Query with a parameter that has a source.
const parameters = `{"input":"x","selector":{},"parameters":[{"name":"p",%s}]}`

const secretSource = `"valueFrom":{"secretKeyRef":{"name":"held","key":"token"}}`

// A user learns of Secrets and ConfigMaps what the right to get them allows: who lacks it gets the
// same answer whatever there is, and nobody is shown what a Secret holds.
func TestReferencesTellNothingToUsersWithoutTheRight(t *testing.T) {
	allow := rights{"ann get secrets team-a/held": true, "ann get configmaps team-a/held": true}
	checked := map[string]bool{}
	for _, r := range references(t) {
		for _, source := range []struct{ kind, text string }{
			{"secret", secretSource},
			{"configMap", strings.Replace(secretSource, "secretKeyRef", "configMapKeyRef", 1)},
			{"optional", strings.Replace(secretSource, `"token"`, `"token","optional":true`, 1)},
		} {
			t.Run(r.place+"/"+source.kind, func(t *testing.T) {
				var first string
				for i, o := range outcomes {
					objects := &keyed{data: o.data}
					mine := faultsFor(t, as("ann"), r.kind, r.spec, source.text, objects, allow).ToAggregate()
					reads := objects.reads
					if reads > 0 {
						checked[r.place] = true
					}
					objects.reads = 0
					others := faultsFor(t, as("bob"), r.kind, r.spec, source.text, objects, allow).ToAggregate()
					if objects.reads > 0 {
						t.Errorf("%s: read for a user who may not get it", o.name)
					}
					text := fmt.Sprint(others)
					if i == 0 {
						first = text
					}
					if text != first {
						t.Errorf("%s: bob is told %s, and of a missing one %s", o.name, text, first)
					}
					if source.kind != "optional" && reads > 0 && !strings.Contains(text, "cannot be used") {
						t.Errorf("%s: bob is told %s, want that it cannot be used", o.name, text)
					}
					if told := fmt.Sprint(mine) + text; strings.Contains(told, "-content") || strings.Contains(told, "%zz") || strings.Contains(told, "other-key") {
						t.Errorf("%s: the content shows: %s", o.name, told)
					}
					if want := "does not exist"; source.kind != "optional" && reads > 0 && i == 0 && !strings.Contains(fmt.Sprint(mine), want) {
						t.Errorf("ann is told %v, want %s", mine, want)
					}
				}
			})
		}
	}
	// These must be checked at all; whether others are is for the rules of the kinds.
	for _, place := range []string{"Query.parameters", "Agent.parameters", "Model.model", "Model.config.openai.baseUrl", "MCPServer.address", "A2AServer.address", "ExecutionEngine.address"} {
		if !checked[place] {
			t.Errorf("%s is never read", place)
		}
	}
}

// Every place of every kind that can hold a reference is in the facts.
func TestReferencesAreAllInTheFacts(t *testing.T) {
	listed := references(t)
	want := map[string]bool{}
	for _, kind := range Kinds() {
		for _, place := range secretKeyRefs(reflect.TypeOf(kind.New()).Elem(), kind.Name, nil) {
			want[strings.Replace(place, ".spec", "", 1)] = true
		}
	}
	for place := range want {
		if !slices.ContainsFunc(listed, func(r referencePlace) bool { return r.place == place }) {
			t.Errorf("%s may refer to a Secret and is not in the facts", place)
		}
	}
	if len(want) != len(listed) {
		t.Errorf("%d places, %d in the facts", len(want), len(listed))
	}
}

// secretKeyRefs returns the paths of the fields in a type whose values have a secretKeyRef with a
// key.
func secretKeyRefs(t reflect.Type, path string, above []reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return secretKeyRefs(t.Elem(), path, above)
	case reflect.Struct:
	default:
		return nil
	}
	if slices.Contains(above, t) {
		return nil
	}
	above = append(slices.Clone(above), t)
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "status" || name == "metadata":
		case name == "secretKeyRef":
			if f.Type == reflect.TypeFor[*v1alpha1.SecretKeySelector]() {
				return []string{strings.TrimSuffix(path, ".value")}
			}
		case name == "valueFrom" || name == "":
			out = append(out, secretKeyRefs(f.Type, path, above)...)
		default:
			out = append(out, secretKeyRefs(f.Type, path+"."+name, above)...)
		}
	}
	return out
}

// What somebody else has put into an object stays there when a user without the right edits it,
// also if it moves; the user cannot add another key of it.
func TestReferencesOfOthersStay(t *testing.T) {
	rules := rulesWith(defineQuery(), &keyed{data: map[string]string{"token": "x"}}, rights{})
	const spec = `{"input":"x","selector":{},"parameters":[%s]}`
	update := func(before, after string) field.ErrorList {
		obj := objectOf(t, defineQuery(), strings.Replace(spec, "%s", after, 1), "")
		m, err := meta.Accessor(obj)
		if err != nil {
			t.Fatal(err)
		}
		m.SetGeneration(2)
		return rules.check(as("bob"), obj, objectOf(t, defineQuery(), strings.Replace(spec, "%s", before, 1), ""))
	}
	mine, theirs, another := `{"name":"a","value":"x"}`, `{"name":"b",`+secretSource+`}`, `{"name":"c",`+strings.Replace(secretSource, "token", "other", 1)+`}`
	if errs := update(mine+","+theirs, theirs); len(errs) > 0 {
		t.Errorf("a parameter before it removed: %v", errs)
	}
	if errs := update(theirs, theirs+","+another); len(errs) != 1 || !strings.Contains(errs[0].Detail, "cannot be used") {
		t.Errorf("another key of it added: %v", errs)
	}
}

// Requests without a user come from the server itself.
func TestReferencesOfTheServerItself(t *testing.T) {
	objects := &keyed{data: map[string]string{"token": "x"}}
	if errs := faultsFor(t, context.Background(), defineQuery(), parameters, secretSource, objects, rights{}); len(errs) > 0 || objects.reads != 1 {
		t.Errorf("%d reads, %v", objects.reads, errs)
	}
}

// The text of a failed read may quote what was read.
func TestReferencesThatCannotBeRead(t *testing.T) {
	allow := rights{"ann get secrets team-a/held": true}
	objects := &keyed{err: errors.New("unexpected character in secret-content")}
	errs := faultsFor(t, as("ann"), defineQuery(), parameters, secretSource, objects, allow)
	if len(errs) != 1 || errs[0].Type != field.ErrorTypeInternal || strings.Contains(errs[0].Error(), "content") {
		t.Errorf("got %v", errs)
	}
}

// asking counts what an authorizer is asked, which it then cannot answer.
type asking struct {
	rights
	asked int
	err   error
}

func (a *asking) Authorize(ctx context.Context, attributes authorizer.Attributes) (authorizer.Decision, string, error) {
	a.asked++
	if a.err != nil {
		return authorizer.DecisionNoOpinion, "", a.err
	}
	return a.rights.Authorize(ctx, attributes)
}

// However many references an object has, the authorizer is asked a bounded number of times, once
// for each Secret, and not again once it has failed.
func TestReferencesAskBoundedly(t *testing.T) {
	many := func(name func(i int) string) string {
		var parameters []string
		for i := range 2 * maxReferencesAsked {
			parameters = append(parameters, fmt.Sprintf(`{"name":"p%d","valueFrom":{"secretKeyRef":{"name":%q,"key":"token"}}}`, i, name(i)))
		}
		return `{"input":"x","selector":{},"parameters":[` + strings.Join(parameters, ",") + `]}`
	}
	distinct := func(i int) string { return fmt.Sprintf("s%d", i) }
	ctx := request.WithUser(context.Background(), &user.DefaultInfo{Name: "bob"})
	for _, c := range []struct {
		name string
		spec string
		err  error
		want int
	}{
		{"one", many(func(int) string { return "held" }), nil, 1},
		{"many", many(distinct), nil, maxReferencesAsked},
		{"failing", many(distinct), errors.New("away"), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			allow, objects := &asking{rights: rights{}, err: c.err}, &keyed{}
			errs := faultsFor(t, ctx, defineQuery(), c.spec, "", objects, allow)
			if allow.asked != c.want || objects.reads != 0 || len(errs) != 2*maxReferencesAsked {
				t.Errorf("asked %d times, read %d times, %d faults; want %d questions and no read", allow.asked, objects.reads, len(errs), c.want)
			}
		})
	}
}
