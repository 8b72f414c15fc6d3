package contract

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// quota: the number of objects of a kind in a namespace can be limited.
func quota(t *testing.T, p place) {
	if p.kind.ClusterScoped {
		return // A ResourceQuota belongs to a namespace.
	}
	const room, creators = 3, 12
	counted := "count/" + p.kind.Plural + ".ark.mckinsey.com"
	there := len(p.list(t))
	quotas := "/api/v1/namespaces/" + p.namespace + "/resourcequotas"
	o := meta("v1", "ResourceQuota", "few")
	o["spec"] = map[string]any{"hard": map[string]any{counted: fmt.Sprint(there)}}
	p.do(t, request{method: "POST", path: quotas, body: o}).want(t, 201)
	used := func() string {
		status, _ := field(p.do(t, request{method: "GET", path: quotas + "/few"}).want(t, 200).object(t), "status", "used").(map[string]any)
		text, _ := status[counted].(string)
		return text
	}
	// The quota controller counts first; it looks for new resources every 30 s.
	p.settled(t, "the objects are counted", func() bool { return used() == fmt.Sprint(there) })
	p.settled(t, "the server knows the quota", func() bool { return p.post(t, p.sample("dry"), "dryRun=All").code == 403 })
	raised := map[string]any{"spec": map[string]any{"hard": map[string]any{counted: fmt.Sprint(there + room)}}}
	p.do(t, request{method: "PATCH", path: quotas + "/few", contentType: mergePatch, body: raised}).want(t, 200)
	p.settled(t, "the quota is raised", func() bool { return p.post(t, p.sample("dry"), "dryRun=All").code == 201 })
	if got := used(); got != fmt.Sprint(there) {
		t.Errorf("after a dry run %s are used, want %d", got, there)
	}

	codes := make([]answer, creators)
	var wg sync.WaitGroup
	for i := range creators {
		body := p.sample(fmt.Sprintf("n%d", i))
		wg.Go(func() {
			a, err := p.try(t.Context(), request{method: "POST", path: p.collection(), body: body})
			if err != nil {
				t.Error(err)
			}
			codes[i] = a
		})
	}
	wg.Wait()
	created := []string{}
	for i, a := range codes {
		switch {
		case a.code == 201:
			created = append(created, fmt.Sprintf("n%d", i))
		case a.code != 403 || !strings.Contains(string(a.body), "exceeded quota: few"):
			t.Errorf("%s: %d, want 403 exceeded quota: %s", a.request, a.code, excerpt(a.body))
		}
	}
	if n := len(p.list(t)); len(created) != room || n != there+room {
		t.Fatalf("%d created, %d there, want %d and %d", len(created), n, room, there+room)
	}
	p.post(t, p.sample("more")).refused(t, 403, "Forbidden", "exceeded quota: few")
	p.post(t, p.sample("more"), "dryRun=All").refused(t, 403, "Forbidden", "exceeded quota: few")
	// What is there may be changed.
	p.label(t, created[0], "still", "editable")
	p.putStatus(t, p.withStatus(p.read(t, created[0]))).want(t, 200)
	// Elsewhere there is no limit.
	elsewhere := p.server.place(t, p.kind)
	elsewhere.create(t, "free")

	p.delete(t, created[0], nil).want(t, 200)
	p.settled(t, "what is deleted is free again", func() bool { return used() == fmt.Sprint(there+room-1) })
	p.settled(t, "the room is used", func() bool { return p.post(t, p.sample("more")).code == 201 })
	p.post(t, p.sample("evenmore")).refused(t, 403, "Forbidden", "exceeded quota: few")
}
