package replicas

import (
	"fmt"
	"sort"
	"sync"
)

// change is one event, as far as the checks need it.
type change struct {
	revision int64
	key      string
	value    string // empty for a delete
	replaced int64  // revision of the version replaced, 0 for none
}

// history is what one watcher received from the first revision on: the order of events with which
// everything else is compared.
type history struct {
	mu      sync.Mutex
	byKey   map[string][]change // ascending
	values  map[string]int64    // revision at which each value was put
	changes map[int64][]change
	first   int64
	last    int64
}

func newHistory(first int64) *history {
	return &history{byKey: map[string][]change{}, values: map[string]int64{}, changes: map[int64][]change{}, first: first, last: first}
}

func (h *history) add(c change) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.byKey[c.key] = append(h.byKey[c.key], c)
	h.changes[c.revision] = append(h.changes[c.revision], c)
	h.last = c.revision
	if c.value == "" {
		return nil
	}
	if at, ok := h.values[c.value]; ok && at != c.revision {
		return fmt.Errorf("the write %s took effect at revision %d and again at %d", c.value, at, c.revision)
	}
	h.values[c.value] = c.revision
	return nil
}

// at returns the revision of the key's version at a revision; 0 if the key did not exist.
func (h *history) at(key string, revision int64) int64 {
	cs := h.byKey[key]
	i := sort.Search(len(cs), func(i int) bool { return cs[i].revision > revision })
	if i == 0 || cs[i-1].value == "" {
		return 0
	}
	return cs[i-1].revision
}

// claim is the answer to a writer.
type claim struct {
	outcome  outcome
	revision int64 // of an acknowledged write
	key      string
	value    string // empty for a delete
}

type outcome byte

const (
	acknowledged outcome = iota
	refused              // its compare failed
	unknown              // an error: it may have taken effect
)

// holds returns an error unless the history agrees with the claim.
func (h *history) holds(c claim) error {
	switch c.outcome {
	case acknowledged:
		for _, have := range h.changes[c.revision] {
			if have.key == c.key && have.value == c.value {
				return nil
			}
		}
		return fmt.Errorf("the write %s=%q was acknowledged at revision %d, where the history has %v", c.key, c.value, c.revision, h.changes[c.revision])
	case refused:
		if at, ok := h.values[c.value]; ok && c.value != "" {
			return fmt.Errorf("the write %s=%q was refused, but took effect at revision %d", c.key, c.value, at)
		}
	case unknown: // either is right
	}
	return nil
}

// reading is the answer to a reader: the versions of some keys at a revision.
type reading struct {
	revision int64
	whole    bool // of all keys
	versions map[string]int64
}

func (h *history) agrees(r reading) error {
	if r.revision > h.last || r.revision < h.first {
		return nil
	}
	for key, version := range r.versions {
		if want := h.at(key, r.revision); want != version && !(version < h.first && want == 0) {
			return fmt.Errorf("a read at revision %d showed %s of revision %d, the history has %d", r.revision, key, version, want)
		}
	}
	if r.whole {
		for key := range h.byKey {
			if want := h.at(key, r.revision); want != 0 && r.versions[key] != want {
				return fmt.Errorf("a list at revision %d showed %s of revision %d, the history has %d", r.revision, key, r.versions[key], want)
			}
		}
	}
	return nil
}
