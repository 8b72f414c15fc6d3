package transfer

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

func TestPages(t *testing.T) {
	p := newPages()
	for _, step := range []struct{ largest, want int }{
		{2 << 10, 64}, {2 << 10, pageSize}, {2 << 10, pageSize}, {1 << 20, 32}, {16 << 20, 2}, {64 << 20, 1}, {0, 8},
	} {
		if p.read(step.largest); p.limit != step.want {
			t.Errorf("after objects of %d bytes: %d, want %d", step.largest, p.limit, step.want)
		}
	}
	if !p.shrink() || p.limit != 1 {
		t.Errorf("shrunk to %d, want 1", p.limit)
	}
	if p.shrink() {
		t.Error("there is no page below one object")
	}
}

// TestKubePagesAreBounded: large objects that follow many small ones are read a few at a time.
func TestKubePagesAreBounded(t *testing.T) {
	const small, large, size = 700, 24, 4 << 20
	whole := 0 // bytes of the largest answer that was sent to its end
	others, config := newAPI(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/apis/ark.mckinsey.com/v1alpha1/agents" {
			others.ServeHTTP(w, r)
			return
		}
		first, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		last := min(first+limit, small+large)
		next := ""
		if last < small+large {
			next = strconv.Itoa(last)
		}
		w.Header().Set("Content-Type", "application/json")
		sent, err := fmt.Fprintf(w, `{"kind":"AgentList","metadata":{"resourceVersion":"5","continue":%q},"items":[`, next)
		for i := first; i < last && err == nil; i++ {
			pad, n := 10, 0
			if i >= small {
				pad = size
			}
			comma := ","
			if i == first {
				comma = ""
			}
			n, err = fmt.Fprintf(w, `%s{"metadata":{"name":"a%d"},"spec":{"prompt":"%s"}}`, comma, i, strings.Repeat("x", pad))
			sent += n
		}
		if _, end := fmt.Fprint(w, "]}"); err == nil && end == nil {
			whole = max(whole, sent)
		}
	}))
	defer server.Close()
	config.Host = server.URL
	k, err := NewKube(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = k.Objects(t.Context(), func(items []Item) error {
		for _, item := range items {
			if !strings.Contains(string(item.Text), fmt.Sprintf(`"name":"a%d"`, seen)) {
				t.Fatalf("object %d is %.80s", seen, item.Text)
			}
			seen++
		}
		return nil
	})
	if err != nil || seen != small+large {
		t.Errorf("%d objects, want %d; %v", seen, small+large, err)
	}
	if whole > maxPageBytes {
		t.Errorf("an answer of %d bytes was read, want %d at most", whole, maxPageBytes)
	}
}

// TestScanPagesAreBounded: so are those of the storage.
func TestScanPagesAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	value := strings.Repeat("x", 1<<20)
	const objects = 70
	for i := range objects {
		if _, err := f.kv.Put(t.Context(), fmt.Sprintf("%sagents/n/a%02d", objectPrefix, i), value); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	if _, err := f.scan(context.Background(), objectPrefix, "agents/", 0, func(page []kept) error {
		bytes := 0
		for _, one := range page {
			if want := fmt.Sprintf("agents/n/a%02d", seen); one.path != want {
				t.Errorf("got %s, want %s", one.path, want)
			}
			seen++
			bytes += len(one.value)
		}
		if bytes > batchBytes {
			t.Errorf("a page of %d bytes, want %d at most", bytes, batchBytes)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if seen != objects {
		t.Errorf("%d objects, want %d", seen, objects)
	}
}
