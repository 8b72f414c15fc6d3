package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// workers write side by side, so that their writes share commits.
const workers = 16

// ImportOptions say what an import may do.
type ImportOptions struct {
	// DryRun writes nothing, and counts what would have been written.
	DryRun bool
	// Overwrite takes the source's object where the one here is not as it was imported.
	Overwrite bool
	// Prune deletes what an earlier import brought from this source and it no longer has.
	Prune bool
	// Secrets takes Secrets too. Without it they are counted as LeftOut.
	Secrets bool
	// Reports is told of every object that needs attention, and of the progress.
	Reports Reports
}

// Import brings a source's objects into the store. It may be ended at any time and run again: what
// is there already is left alone. Objects that cannot be taken (Refused), or were changed here
// (Conflict), do not stop it; the caller finds them in the summary, which is returned with an error
// too.
func Import(ctx context.Context, from Source, into *Store, o ImportOptions) (*Summary, error) {
	all, err := newKinds()
	if err != nil {
		return nil, err
	}
	i := &importer{kinds: all, from: from, store: into, options: o, summary: newSummary(), seen: map[string]bool{}, in: map[string]bool{}, done: map[string]bool{}}
	if err := i.begin(ctx); err != nil {
		return nil, err
	}
	stop := o.Reports.follow(i.summary)
	defer stop()
	defer i.reportLeftOut()
	if err := from.Objects(ctx, func(items []Item) error { return i.batch(ctx, items) }); err != nil {
		return i.summary, err
	}
	if err := i.release(ctx); err != nil {
		return i.summary, err
	}
	if err := i.missingOwners(ctx); err != nil {
		return i.summary, err
	}
	if err := i.makeNamespaces(ctx); err != nil {
		return i.summary, err
	}
	if o.Prune {
		if err := i.prune(ctx); err != nil {
			return i.summary, err
		}
	}
	return i.summary, i.warn(ctx)
}

// warn tells of a storage whose revisions are below the source's. A client that comes over from
// there and watches on would not hear of anything until they have caught up.
func (i *importer) warn(ctx context.Context) error {
	source, ok := i.from.(interface{ Revision() int64 })
	if !ok {
		return nil
	}
	here, err := i.store.revision(ctx)
	if err != nil {
		return err
	}
	if there := source.Revision(); here <= there {
		i.options.Reports.warn(RevisionsBelow{There: there, Here: here})
	}
	return nil
}

type importer struct {
	kinds   *kinds
	from    Source
	store   *Store
	options ImportOptions
	summary *Summary

	mu sync.Mutex
	// seen are the paths of the source's objects, and in the namespaces of those that are taken.
	seen, in map[string]bool
	// done are the paths of those that have come, whatever became of them.
	done map[string]bool
	// arks says that one of them is Ark's.
	arks bool
	// unread says that some text could not be read, so that nobody knows which object it is.
	unread atomic.Bool

	serves service
	// fromCluster says that the source has Namespaces of its own, which are not moved.
	fromCluster bool
	left        leftOut

	// held are objects until their owners have come, and released that no more will come.
	held     []Item
	released bool
	// owners has the titles of the objects that were written, by an owner that they name.
	owners map[owner][]string
}

// came notes an object that is taken.
func (i *importer) came(o *object) bool {
	first := i.first(o.path())
	i.mu.Lock()
	defer i.mu.Unlock()
	i.arks = i.arks || !o.kind.core
	if o.namespace != "" {
		i.in[o.namespace] = true
	}
	return first
}

// first says that an object has not come before.
func (i *importer) first(path string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.seen[path] {
		return false
	}
	i.seen[path] = true
	return true
}

func (i *importer) batch(ctx context.Context, items []Item) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for _, item := range items {
		group.Go(func() error { return i.one(ctx, item) })
	}
	return group.Wait()
}

// one imports an object. Its error ends the import: the storage or the source failed, not the
// object.
func (i *importer) one(ctx context.Context, item Item) error {
	o, err := i.kinds.readItem(item)
	if err != nil {
		outcome, plural := Refused, otherKinds
		if errors.Is(err, errOtherKind) {
			outcome = Skipped
		} else {
			i.unread.Store(true)
		}
		i.summary.count(plural, outcome)
		i.options.Reports.line("%s: %s: %v", item.Where, outcome, err)
		return nil
	}
	if !i.takes(o) || i.holds(o, item) {
		return nil
	}
	defer i.settled(o)
	again := !i.came(o)
	for {
		found, err := i.store.look(ctx, o.path())
		if err != nil {
			return err
		}
		outcome, why, err := i.settle(ctx, o, found)
		if errors.Is(err, errChanged) {
			continue
		}
		if err != nil {
			return err
		}
		if again && outcome == Unchanged {
			return nil
		}
		i.summary.count(o.kind.Plural, outcome)
		if outcome == Created || outcome == Updated {
			i.owned(o)
		}
		if why != "" {
			at := ""
			if item.Where != "" {
				at = " (" + item.Where + ")"
			}
			i.options.Reports.line("%s%s: %s", o.title(), at, why)
		}
		return nil
	}
}

// settle compares a source's object with what is here, and writes it where that is due. It returns
// what it did, and why for the outcomes that a user should hear about.
func (i *importer) settle(ctx context.Context, o *object, found entry) (Outcome, string, error) {
	own := found.record != nil && found.record.Source == i.from.ID()
	if own && found.untouched() && o.resourceVersion != "" && found.record.ResourceVersion == o.resourceVersion && found.record.UID == o.uid {
		return Unchanged, "", nil
	}
	origin := record{Source: i.from.ID(), UID: o.uid, ResourceVersion: o.resourceVersion}
	if err := o.complete(found.value, time.Now()); err != nil {
		return "", "", err
	}
	f, err := o.form()
	if err != nil {
		return Refused, fmt.Sprintf("refused: %v", err), nil
	}
	if found.value != nil && sameValue(found.value, f.value) {
		return Unchanged, "", nil
	}
	labelled := o.ownNamespace() && found.record == nil // the server made it, and the source's users gave it labels
	if !i.options.Overwrite && !labelled && (found.value != nil || found.record != nil) && !(own && found.untouched()) {
		return Conflict, conflict(own, found), nil
	}
	outcome := Created
	if found.value != nil {
		outcome = Updated
	}
	if !i.options.DryRun {
		if err := i.replace(ctx, o, found, f.value, origin); err != nil {
			return "", "", err
		}
	}
	return outcome, i.remarks(ctx, f), nil
}

// replace writes the object. One that has been made anew in the source under the same name takes
// the place of the other in two steps, so that watchers see the one go and the other come.
func (i *importer) replace(ctx context.Context, o *object, found entry, value []byte, origin record) error {
	if found.value != nil && uidOf(found.value) != o.uid {
		if err := i.store.remove(ctx, o.path(), found); err != nil {
			return err
		}
		found = entry{}
	}
	return i.store.put(ctx, o.path(), found, value, origin)
}

func conflict(own bool, found entry) string {
	switch {
	case found.record == nil:
		return "conflict: another object of that name was made here; left alone"
	case !own:
		return "conflict: it was imported from elsewhere; left alone"
	case found.value == nil:
		return "conflict: it was deleted here since it was imported; left alone"
	}
	return "conflict: it was changed here since it was imported; left alone"
}

// remarks are what a user should know of an object that was taken.
func (i *importer) remarks(ctx context.Context, f form) string {
	var parts []string
	if len(f.asItWas) > 0 {
		parts = append(parts, "stored word for word, but served without what this release cannot decode: "+list(f.asItWas))
	}
	if len(f.unknown) > 0 {
		parts = append(parts, "kept and served with fields that this release does not know: "+list(f.unknown))
	}
	if len(f.dropped) > 0 {
		parts = append(parts, "taken without fields that a server does not keep: "+list(f.dropped))
	}
	if faults := i.kinds.faults(ctx, f); len(faults) > 0 {
		parts = append(parts, "taken as it is, though it would be refused if it were made today: "+list(faults))
	}
	return strings.Join(parts, "; ")
}

// list shortens a list of paths.
func list(paths []string) string {
	const most = 5
	if len(paths) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(paths[:most], ", "), len(paths)-most)
	}
	return strings.Join(paths, ", ")
}

// uidOf reads the uid of a stored value, or "".
func uidOf(value []byte) string { return identityOf(value).UID }

type identity struct {
	UID               string `json:"uid"`
	DeletionTimestamp string `json:"deletionTimestamp"`
}

func identityOf(value []byte) identity {
	var object struct {
		Metadata identity `json:"metadata"`
	}
	_ = json.Unmarshal(value, &object) // what cannot be read has no identity
	return object.Metadata
}

// ErrEmptySource refuses to delete everything.
var ErrEmptySource = errors.New("the source has no object at all, though earlier imports brought some: if they are really gone there, delete them here yourself")

// prune deletes what was brought from this source and is no longer there.
func (i *importer) prune(ctx context.Context) error {
	if i.unread.Load() {
		i.options.Reports.line("note: nothing is deleted that is gone from the source: what could not be read may be it")
		return nil
	}
	for _, k := range i.kinds.ordered {
		if !i.from.Serves(k.Plural) || k.Plural == secrets && !i.options.Secrets {
			continue
		}
		_, err := i.store.scan(ctx, recordPrefix, k.place, 0, func(page []kept) error {
			for _, one := range page {
				if err := i.pruneOne(ctx, k, one); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (i *importer) pruneOne(ctx context.Context, k *kind, one kept) error {
	r, err := decodeRecord(one.value)
	if err != nil {
		return fmt.Errorf("%s: %w", one.path, err)
	}
	if r.Source != i.from.ID() || i.seen[one.path] {
		return nil
	}
	if !i.arks {
		return ErrEmptySource
	}
	namespace, name, _ := k.parse(strings.TrimPrefix(one.path, k.place))
	if k.Plural == namespaces {
		if !i.in[name] {
			i.options.Reports.line("%s: it is gone from the source, and kept here for what may be in it: delete it with kubectl", k.title("", name))
		}
		return nil
	}
	for {
		found, err := i.store.look(ctx, one.path)
		if err != nil {
			return err
		}
		switch {
		case found.value == nil && found.record == nil:
			return nil
		case found.value != nil && !found.untouched() && !i.options.Overwrite:
			i.summary.count(k.Plural, Conflict)
			i.options.Reports.line("%s: conflict: it is gone from the source, but was changed here since it was imported; left alone", k.title(namespace, name))
			return nil
		}
		if !i.options.DryRun {
			err := i.store.remove(ctx, one.path, found)
			if errors.Is(err, errChanged) {
				continue
			}
			if err != nil {
				return err
			}
		}
		if found.value != nil { // else only the record goes: it had been deleted here too
			i.summary.count(k.Plural, Deleted)
		}
		return nil
	}
}
