package transfer

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/apis/ark"
)

// ExportOptions say what an export to a cluster may do.
type ExportOptions struct {
	// DryRun writes nothing, and counts what would have been written.
	DryRun bool
	// Verify writes nothing, and counts as Different, Missing and Surplus what is not equal.
	Verify bool
	// Secrets brings a standalone server's Secrets too. Without it they are counted as LeftOut.
	Secrets bool
	// Reports is told of every object that needs attention, and of the progress.
	Reports Reports
}

// ErrServedByService refuses a target whose API is this one or another aggregated server.
var ErrServedByService = errors.New("the cluster does not serve " + ark.GroupName + " from its CRDs now: delete the APIServices first")

// Export brings a cluster's objects to the state of the store, through the cluster's API: the way
// back to CRDs. The objects that an import took from there are still in the cluster's etcd, with
// the same uids; they are updated. Those made since are created. Those that the import brought and
// that are gone since are deleted.
//
// Of a standalone server's storage, Namespaces, ConfigMaps and, if asked for, Secrets are brought
// too, before the objects that refer to them. They are created, and updated or deleted only where
// an earlier export made them.
//
// The API sets uid, creationTimestamp and generation itself: an object that is created there has
// new ones. Owner references among the objects brought are changed to the new uids, and others of a
// standalone server are dropped. See docs/operations/migration.md for the whole list.
func Export(ctx context.Context, from *Store, to *Kube, o ExportOptions) (*Summary, error) {
	if to.backend != "" {
		return nil, fmt.Errorf("%s: the Service %s answers: %w", to, to.backend, ErrServedByService)
	}
	all, err := newKinds()
	if err != nil {
		return nil, err
	}
	e := &exporter{kinds: all, store: from, to: to, options: o, summary: newSummary(),
		seen: map[string]Outcome{}, dropped: map[string]bool{}, namespaces: map[string]bool{}, targets: map[string]string{}}
	if e.serves, err = from.serves(ctx); err != nil {
		return nil, err
	}
	stop := o.Reports.follow(e.summary)
	defer stop()
	return e.summary, e.all(ctx)
}

// all brings everything, namespaces first.
func (e *exporter) all(ctx context.Context) error {
	if e.serves == standalone {
		if err := e.exportCore(ctx, namespaces); err != nil {
			return err
		}
		if missing := e.missingNamespaces(); missing != "" {
			return fmt.Errorf("%s: the user of the kubeconfig may not create namespaces: nothing else was written; %s", e.to, missing)
		}
		for _, plural := range []string{configMaps, secrets} {
			if err := e.exportCore(ctx, plural); err != nil {
				return err
			}
		}
		defer e.left.report(e.options.Reports, notAsked)
	}
	for _, k := range e.kinds.ark {
		if _, err := e.store.scan(ctx, objectPrefix, k.place, newest, func(page []kept) error { return e.page(ctx, k, page) }); err != nil {
			return err
		}
	}
	if missing := e.missingNamespaces(); missing != "" {
		e.options.Reports.line("%s; then run this again", missing)
	}
	if err := e.to.objects(ctx, e.kinds.ark, func(items []Item) error { return e.rest(ctx, items) }); err != nil {
		return err
	}
	if e.serves != standalone {
		return nil
	}
	if err := e.coreRest(ctx); err != nil {
		return err
	}
	return e.store.reportStays(ctx, e.kinds.ordered, e.options.Reports)
}

type exporter struct {
	kinds   *kinds
	store   *Store
	to      *Kube
	options ExportOptions
	summary *Summary
	serves  service
	left    leftOut

	mu sync.Mutex
	// seen has what became of the store's objects that are done, by path.
	seen map[string]Outcome
	// dropped are the paths of those that the target has not got.
	dropped map[string]bool
	// namespaces are those that the target lacks.
	namespaces map[string]bool
	// targets has the uids that objects have in the target, by those that they have here.
	targets map[string]string
}

func (e *exporter) page(ctx context.Context, k *kind, page []kept) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers / 2)
	if k.core {
		group.SetLimit(1) // they bring Ark's objects that own them
	}
	for _, one := range page {
		group.Go(func() error {
			o, take, err := e.read(k, one)
			if err != nil {
				e.done(k, one.path, Refused)
				e.options.Reports.line("%s: what is stored cannot be read: %v", one.path, err)
				return nil
			}
			if !take {
				return nil
			}
			return e.one(ctx, o, nil)
		})
	}
	return group.Wait()
}

// done counts an object, and reports whether it had not been counted before. Two workers may bring
// one object, as an owner and in its turn: whichever comes second finds it unchanged, and what the
// other did counts.
func (e *exporter) done(k *kind, path string, outcome Outcome) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	before, again := e.seen[path]
	if again && (before != Unchanged || outcome == Unchanged) {
		return false
	}
	e.seen[path] = outcome
	if again {
		e.summary.replace(k.Plural, before, outcome)
		return false
	}
	e.summary.count(k.Plural, outcome)
	return true
}

func (e *exporter) isDone(path string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, done := e.seen[path]
	return done
}

// one brings one object to the target, its owners first. owned has the objects on whose behalf it
// is brought.
func (e *exporter) one(ctx context.Context, o *object, owned []string) error {
	if e.isDone(o.path()) || e.passes(o) {
		return nil
	}
	if !o.kind.core && !e.to.Serves(o.kind.Plural) {
		e.drop(o.path())
		e.done(o.kind, o.path(), Refused)
		e.options.Reports.line("%s: refused: the target does not serve %s", o.title(), o.kind.Resource())
		return nil
	}
	if err := e.owners(ctx, o, append(owned, o.path())); err != nil {
		return err
	}
	f, err := o.form()
	if err != nil {
		e.drop(o.path())
		e.done(o.kind, o.path(), Refused)
		e.options.Reports.line("%s: refused: %v", o.title(), err)
		return nil
	}
	value, err := decodeJSON(f.value)
	if err != nil {
		return err
	}
	want := split(value.(map[string]any))
	outcome, why, err := e.bring(ctx, o, want)
	if err != nil {
		return err
	}
	if why != "" {
		e.options.Reports.line("%s: %s", o.title(), why)
	}
	e.done(o.kind, o.path(), outcome)
	if _, known := e.uidThere(o.uid); !known && (outcome == Refused || outcome == Conflict || outcome == Different) {
		e.drop(o.path())
	}
	if o.kind.core {
		return nil
	}
	if outcome != Created && outcome != Updated && outcome != Unchanged || e.options.DryRun || e.options.Verify {
		return nil
	}
	return e.remember(ctx, o, "")
}

// remember notes what an object is in the target, so that the next import from there knows it
// again, and deletes it here if it goes there. It keeps a record that says so already.
func (e *exporter) remember(ctx context.Context, o *object, written string) error {
	uid, _ := e.uidThere(o.uid)
	found, err := e.store.look(ctx, o.path())
	if err != nil {
		return err
	}
	if found.value == nil || uidOf(found.value) != o.uid {
		return nil
	}
	if found.untouched() && found.record.Source == e.to.ID() && found.record.UID == uid && found.record.Written == written {
		return nil
	}
	// No resourceVersion: the import is to compare the two.
	err = e.store.note(ctx, o.path(), found.revision, record{Source: e.to.ID(), UID: uid, Written: written})
	if errors.Is(err, errChanged) {
		return nil // there is something newer here that has not been brought
	}
	return err
}

// bring compares an object with the target's, and writes it there where that is due.
func (e *exporter) bring(ctx context.Context, o *object, want halves) (Outcome, string, error) {
	for {
		try := e.try
		if o.kind.core {
			try = e.tryCore
		}
		outcome, why, err := try(ctx, o, want)
		switch {
		case apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err):
			continue // somebody was faster: look again
		case isRefusal(err):
			if name := missingNamespace(err); name != "" {
				e.absent(name)
			}
			return Refused, "refused by the target: " + refusal(err), nil
		case err != nil:
			return "", "", e.to.explain(err, "write "+o.title())
		}
		return outcome, why, nil
	}
}

func (e *exporter) try(ctx context.Context, o *object, want halves) (Outcome, string, error) {
	there, err := e.to.get(ctx, o.kind, o.namespace, o.name)
	if err != nil && !apierrors.IsNotFound(err) {
		return "", "", err
	}
	writes := !e.options.DryRun && !e.options.Verify
	if err != nil {
		if e.options.Verify {
			return Missing, "missing in the target", nil
		}
		if !writes {
			return Created, "", nil
		}
		if there, err = e.to.write(ctx, o, create, want.main, ""); err != nil {
			return "", "", err
		}
		e.learn(o, there)
		return Created, "", e.finish(ctx, o, want, split(there))
	}
	e.learn(o, there)
	has := split(there)
	main, status := differences(want.main, has.main, false), differences(want.status, has.status, false)
	if want.deleting != has.deleting {
		main = append(main, "metadata.deletionTimestamp")
	}
	switch {
	case len(main)+len(status) == 0:
		return Unchanged, "", nil
	case e.options.Verify:
		if len(status) == 0 && want.deleting == has.deleting && len(differences(want.main, has.main, true)) == 0 {
			would, err := e.to.write(ctx, o, tryUpdate, want.main, has.version)
			if err != nil {
				return "", "", err
			}
			if len(differences(split(would).main, has.main, false)) == 0 {
				return Unchanged, "the target fills in " + list(main), nil
			}
		}
		return Different, "differs in " + list(append(main, status...)), nil
	case has.deleting && !want.deleting:
		return Conflict, "conflict: it is being deleted in the target, which cannot be undone", nil
	case !writes:
		return Updated, "", nil
	}
	if len(differences(want.main, has.main, false)) > 0 {
		if there, err = e.to.write(ctx, o, update, want.main, has.version); err != nil {
			return "", "", err
		}
		if split(there).version == has.version && len(status) == 0 && want.deleting == has.deleting {
			return Unchanged, "the target fills in " + list(main), nil
		}
	}
	return Updated, "", e.finish(ctx, o, want, split(there))
}

// finish writes the status, and begins the deletion of an object that is being deleted.
func (e *exporter) finish(ctx context.Context, o *object, want, has halves) error {
	if len(differences(want.status, has.status, false)) > 0 {
		body := map[string]any{"status": want.status}
		for key, value := range want.main {
			body[key] = value
		}
		if _, err := e.to.write(ctx, o, updateStatus, body, has.version); err != nil {
			return err
		}
	}
	if want.deleting && !has.deleting {
		return e.to.delete(ctx, o.kind, o.namespace, o.name, has.uid, finalizers(o.content))
	}
	return nil
}

// rest looks through the target for what the store has not.
func (e *exporter) rest(ctx context.Context, items []Item) error {
	for _, item := range items {
		o, err := e.kinds.read(item.Text)
		if err != nil {
			return fmt.Errorf("%s: read its objects: %w", e.to, err)
		}
		if e.isDone(o.path()) {
			continue
		}
		found, err := e.store.look(ctx, o.path())
		if err != nil {
			return err
		}
		if found.value != nil { // it has come here since the scan passed its place
			if err := e.page(ctx, o.kind, []kept{{path: o.path(), value: found.value}}); err != nil {
				return err
			}
			continue
		}
		outcome, why, err := e.leftOver(ctx, o, found)
		if err != nil && !apierrors.IsNotFound(err) {
			return e.to.explain(err, "delete "+o.title())
		}
		if why != "" {
			e.options.Reports.line("%s: %s", o.title(), why)
		}
		e.done(o.kind, o.path(), outcome)
	}
	return nil
}

// leftOver deletes an object of the target if it is the one that an import took from there: then it
// was deleted here, finalizers and all. Any other is somebody else's.
func (e *exporter) leftOver(ctx context.Context, o *object, found entry) (Outcome, string, error) {
	if e.options.Verify {
		return Surplus, "only in the target", nil
	}
	if found.record == nil || found.record.Source != e.to.ID() || found.record.UID != o.uid {
		return Conflict, "conflict: it is only in the target, and no import took it from there; left alone", nil
	}
	if e.options.DryRun {
		return Deleted, "", nil
	}
	if len(finalizers(o.content)) > 0 {
		if err := e.to.dropFinalizers(ctx, o); err != nil {
			return Deleted, "", err
		}
	}
	return Deleted, "", e.to.delete(ctx, o.kind, o.namespace, o.name, o.uid, nil)
}
