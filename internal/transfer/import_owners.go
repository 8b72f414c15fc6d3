package transfer

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// holds keeps an object back until its owners of the Ark API have come: a garbage collector that
// watches deletes an object whose owner is not there. Those of the core group come before, or are
// not moved at all.
func (i *importer) holds(o *object, item Item) bool {
	owners := i.kinds.ownersOf(o)
	i.mu.Lock()
	defer i.mu.Unlock()
	yetToCome := func(by owner) bool { return !by.kind.core && !i.done[by.path()] && by.path() != o.path() }
	if i.released || !slices.ContainsFunc(owners, yetToCome) {
		return false
	}
	i.held = append(i.held, item)
	return true
}

// settled notes that an object has come, whatever became of it.
func (i *importer) settled(o *object) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.done[o.path()] = true
}

// release imports what was held, owners before what they own. In the end come those whose owners do
// not come, and those that own each other.
func (i *importer) release(ctx context.Context) error {
	for len(i.held) > 0 {
		held := i.held
		i.held = nil
		if err := i.batch(ctx, held); err != nil {
			return err
		}
		i.released = len(i.held) == len(held)
	}
	return nil
}

// owned notes whom a written object names as its owners.
func (i *importer) owned(o *object) {
	for _, by := range i.kinds.ownersOf(o) {
		if by.kind.core && (!i.serves.keepsCore() || i.fromCluster && i.serves != standalone) {
			continue // it is the cluster's
		}
		i.mu.Lock()
		if i.owners == nil {
			i.owners = map[owner][]string{}
		}
		i.owners[by] = append(i.owners[by], o.title())
		i.mu.Unlock()
	}
}

// missingOwners names the written objects whose owner has not come, such as one that was left out,
// refused, or left alone for another of its name.
func (i *importer) missingOwners(ctx context.Context) error {
	if i.options.DryRun {
		return nil
	}
	byPath := func(a, b owner) int { return strings.Compare(a.path()+" "+a.uid, b.path()+" "+b.uid) }
	for _, by := range slices.SortedFunc(maps.Keys(i.owners), byPath) {
		found, err := i.store.look(ctx, by.path())
		if err != nil {
			return err
		}
		if found.value != nil && uidOf(found.value) == by.uid {
			continue
		}
		slices.Sort(i.owners[by])
		for _, title := range i.owners[by] {
			i.options.Reports.line("warning: %s: its owner %s is not here under the uid that it names: a server that collects garbage deletes it", title, by.kind.title(by.namespace, by.name))
		}
	}
	return nil
}
