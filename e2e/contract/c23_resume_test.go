package contract

import (
	"fmt"
	"slices"
	"testing"
)

// resume: a watch from any resourceVersion of a stream goes on exactly there.
func resume(t *testing.T, p place) {
	start := p.get(t, p.query()).version(t)
	w := p.watch(t, p.query("resourceVersion="+start))
	const objects, writes = 3, 30
	for i := range writes {
		short := fmt.Sprintf("o-%d", i%objects)
		switch {
		case i < objects:
			p.create(t, short)
		case i%10 == 9:
			p.delete(t, short, nil).want(t, 200)
			p.create(t, short)
		default:
			p.label(t, short, "step", fmt.Sprint(i))
		}
	}
	end := p.create(t, "end")
	var all []string
	var versions []string
	for {
		e := w.next(t)
		all = append(all, e.String())
		versions = append(versions, e.version())
		if e.object().GetName() == end.GetName() {
			break
		}
	}
	for i := 1; i < len(versions); i++ {
		if asNumber(t, versions[i]) <= asNumber(t, versions[i-1]) {
			t.Errorf("resourceVersion %s follows %s", versions[i], versions[i-1])
		}
	}
	if len(all) != writes+writes/10+1 {
		t.Errorf("%d events of %d writes: %q", len(all), writes+writes/10+1, all)
	}
	for i, from := range versions[:len(versions)-1] {
		w := p.watch(t, p.query("resourceVersion="+from))
		var got []string
		for range len(all) - i - 1 {
			got = append(got, w.next(t).String())
		}
		w.cancel()
		if !slices.Equal(got, all[i+1:]) {
			t.Errorf("resumed at %s: %q, want %q", from, got, all[i+1:])
		}
	}
}
