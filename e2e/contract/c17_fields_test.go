package contract

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// selectable are the fields beyond metadata by which a kind's objects may be selected, but for
// conditions.
func selectable(kind registrytest.Sample) []string {
	all := install.Kinds()
	at := slices.IndexFunc(all, func(k install.Kind) bool { return k.Name == kind.Kind })
	return slices.DeleteFunc(slices.Clone(all[at].Selectable), func(path string) bool { return strings.HasPrefix(path, "status.conditions.") })
}

func fieldSelectors(t *testing.T, p place) {
	p.create(t, "one")
	p.create(t, "two")
	p.putStatus(t, p.withStatus(p.read(t, "two"))).want(t, 200)
	selects := func(selector string, want ...string) {
		t.Helper()
		if got := p.names(p.list(t, "fieldSelector="+selector)); !slices.Equal(got, want) {
			t.Errorf("%q selects %q, want %q", selector, got, want)
		}
	}
	selects("metadata.name="+p.name("one"), "one")
	selects("metadata.name!="+p.name("one"), "two")
	selects("metadata.name=none")
	if !p.kind.ClusterScoped {
		selects("metadata.namespace="+p.namespace, "one", "two")
		selects("metadata.namespace=elsewhere")
		across := p.get(t, p.groupPath()+"/"+p.kind.Plural+"?fieldSelector=metadata.namespace="+p.namespace+",metadata.name=one").want(t, 200)
		if got := p.names(across.items(t)); !slices.Equal(got, []string{"one"}) {
			t.Errorf("across namespaces: %q", got)
		}
	}
	for _, bad := range []string{"spec.unknown=x", "metadata.uid=x", "status.nothing=x", "metadata.name=", "metadata.name>a", "nonsense"} {
		a := p.get(t, p.query("fieldSelector="+bad))
		if bad == "metadata.name=" {
			if a.code == 200 && len(a.items(t)) > 0 {
				t.Errorf("%q selects %q", bad, p.names(a.items(t)))
			}
			continue
		}
		a.refused(t, 400, metav1.StatusReasonBadRequest)
		if w := p.get(t, p.query("fieldSelector="+bad, "watch=true", "timeoutSeconds=1")); w.code != 400 {
			t.Errorf("a watch with %q: %d", bad, w.code)
		}
		p.do(t, request{method: "DELETE", path: p.query("fieldSelector=" + bad)}).refused(t, 400, metav1.StatusReasonBadRequest)
	}
	if got := len(p.list(t)); got != 2 {
		t.Errorf("after refused deletes there are %d objects", got)
	}
	for _, path := range selectable(p.kind) {
		if p.system.reference { // These CRDs declare no selectableFields.
			p.get(t, p.query("fieldSelector="+path+"=x")).refused(t, 400, metav1.StatusReasonBadRequest)
			continue
		}
		p.selectsBy(t, path)
	}
}

// selectsBy selects by a field in which the objects one and two may differ.
func (p place) selectsBy(t *testing.T, path string) {
	t.Helper()
	by := map[string][]string{}
	value := func(short string) string {
		v, _ := field(p.read(t, short), strings.Split(path, ".")...).(string)
		by[v] = append(by[v], short)
		return v
	}
	value("one")
	two := value("two")
	for v, want := range by {
		for _, more := range [][]string{nil, {"resourceVersion=0"}} {
			if got := p.names(p.list(t, append(more, "fieldSelector="+path+"="+v)...)); !slices.Equal(got, want) {
				t.Errorf("%s=%s %q selects %q, want %q", path, v, more, got, want)
			}
		}
	}
	if got := p.list(t, "fieldSelector="+path+"=no-such-value"); len(got) != 0 {
		t.Errorf("%s=no-such-value selects %q", path, p.names(got))
	}
	if !strings.HasPrefix(path, "status.") || two == "" {
		return
	}
	// A watch by a status field sees the object come when it gets the value.
	w := p.watch(t, p.query("fieldSelector="+path+"="+two, "resourceVersion="+p.get(t, p.query()).version(t)))
	one := p.putStatus(t, p.withStatus(p.read(t, "one"))).want(t, 200).object(t)
	w.expect(t, "ADDED", one)
	p.putStatus(t, without(one, strings.Split(path, "."))).want(t, 200)
	if field(p.read(t, "one"), strings.Split(path, ".")...) == two {
		return // Its default.
	}
	if e := w.next(t); e.Type != "DELETED" || e.object().GetName() != p.name("one") {
		t.Errorf("an object that leaves the selector: %s", e)
	}
}
