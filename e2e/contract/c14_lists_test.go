package contract

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lists: in order, and complete over pages while others write.
func lists(t *testing.T, p place) {
	const stable, limit = 23, 5
	var want []string
	for i := range stable {
		short := fmt.Sprintf("s-%02d", (i*7)%stable) // not in order
		p.create(t, short)
		want = append(want, short)
	}
	slices.Sort(want)
	if got := p.names(p.list(t)); !slices.Equal(got, want) {
		t.Errorf("list: %q, want %q", got, want)
	}

	// A writer adds, changes and removes other objects all the while.
	stop := make(chan struct{})
	var wg sync.WaitGroup
	client := p.client(t)
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			o := p.sample(fmt.Sprintf("s-%02d-moving", i%stable))
			for _, r := range []request{{method: "POST", path: p.collection(), body: o}, {method: "DELETE", path: p.collection() + "/" + o.GetName()}} {
				r.client = client
				if a, err := p.try(t.Context(), r); err != nil || a.code >= 300 {
					t.Errorf("the writer beside the pages: %s: %d, %v", r.method, a.code, err)
					return
				}
			}
		}
	})
	for _, first := range [][]string{nil, {"resourceVersion=0"}, {"resourceVersion=" + p.get(t, p.query()).version(t), "resourceVersionMatch=Exact"}} {
		var seen []string
		token, version := "", ""
		for page := 0; ; page++ {
			parameters := append([]string{fmt.Sprintf("limit=%d", limit)}, first...)
			if token != "" {
				parameters = []string{fmt.Sprintf("limit=%d", limit), "continue=" + token}
			}
			a := p.get(t, p.query(parameters...)).want(t, 200)
			items := a.items(t)
			if page > 0 && a.version(t) != version {
				t.Errorf("page %d is of revision %s, the first of %s", page, a.version(t), version)
			}
			version = a.version(t)
			for _, short := range p.names(items) {
				if !strings.HasSuffix(short, "-moving") {
					seen = append(seen, short)
				}
			}
			token = a.object(t).GetContinue()
			// resourceVersion=0 may be answered from the cache with everything at once, as in Kubernetes.
			if len(items) > limit && first == nil {
				t.Errorf("a page of %d with limit %d", len(items), limit)
			}
			if token == "" {
				break
			}
			if !p.kind.ClusterScoped { // With a selector there is no count of the rest.
				if rest := a.object(t).GetRemainingItemCount(); rest == nil || *rest < 1 {
					t.Errorf("page %d says that %v objects remain", page, rest)
				}
			}
		}
		if !slices.Equal(seen, want) {
			t.Errorf("pages with %q hold %q, want %q", first, seen, want)
		}
	}
	close(stop)
	wg.Wait()
	if !p.kind.ClusterScoped {
		a := p.get(t, p.query("limit=3")).want(t, 200)
		total := len(p.list(t))
		if rest := a.object(t).GetRemainingItemCount(); rest == nil || int(*rest) != total-3 {
			t.Errorf("after 3 of %d objects: %s", total, excerpt(a.body))
		}
	}
	p.get(t, p.query("limit=3", "continue=nonsense")).refused(t, 400, metav1.StatusReasonBadRequest, "continue")
}

// listsAcrossNamespaces: by namespace, then name.
func listsAcrossNamespaces(t *testing.T, s *server) {
	for _, kind := range kinds() {
		if kind.ClusterScoped {
			continue
		}
		var want []string
		for range 2 {
			p := s.place(t, kind)
			for _, short := range []string{"b", "a-1", "a", "a.b"} {
				p.create(t, short, func(o object) { setLabel(o, "across", "yes") })
				want = append(want, p.namespace+"/"+short)
			}
		}
		slices.SortFunc(want, func(a, b string) int {
			an, ao, _ := strings.Cut(a, "/")
			bn, bo, _ := strings.Cut(b, "/")
			if an != bn {
				return strings.Compare(an+"/", bn+"/") // as keys are compared
			}
			return strings.Compare(ao, bo)
		})
		var got []string
		for _, o := range s.get(t, "/apis/ark.mckinsey.com/"+kind.Version+"/"+kind.Plural+"?labelSelector=across").want(t, 200).items(t) {
			got = append(got, o.GetNamespace()+"/"+o.GetName())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", kind.Plural, got, want)
		}
	}
}

// listsExpire: the token of a page whose revision is gone is 410, with one that goes on at the
// present.
func listsExpire(t *testing.T, s *server) func(*testing.T) {
	p := s.place(t, kindNamed("Agent"))
	for _, short := range []string{"a", "b", "c", "d"} {
		p.create(t, short)
	}
	token := p.get(t, p.query("limit=2")).want(t, 200).object(t).GetContinue()
	p.delete(t, "c", nil).want(t, 200)
	p.create(t, "e")
	return func(t *testing.T) {
		var status metav1.Status
		eventually(t, "the token expires", func() bool {
			a := p.get(t, p.query("limit=2", "continue="+token))
			if a.code == 200 {
				return false
			}
			status = a.refused(t, 410, metav1.StatusReasonExpired)
			return true
		})
		if status.Continue == "" {
			t.Fatalf("no token to go on with: %v", status)
		}
		a := p.get(t, p.query("limit=5", "continue="+status.Continue)).want(t, 200)
		if got := p.names(a.items(t)); !slices.Equal(got, []string{"d", "e"}) {
			t.Errorf("going on at the present: %q, want d and e", got)
		}
	}
}
