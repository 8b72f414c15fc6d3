package transfer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// Verify compares every object of the source with the store's, and counts as Different, Missing
// (here) and Surplus (only here) what is not equal in everything but the resourceVersion, and the
// statuses that the server's own engine has written since. It writes nothing. With surplus, objects
// that only the store has are differences too. Of the options it heeds Secrets and Reports.
func Verify(ctx context.Context, from Source, with *Store, surplus bool, o ImportOptions) (*Summary, error) {
	all, err := newKinds()
	if err != nil {
		return nil, err
	}
	v := &importer{kinds: all, from: from, store: with, options: o, summary: newSummary(), seen: map[string]bool{}, in: map[string]bool{}}
	if err := v.begin(ctx); err != nil {
		return nil, err
	}
	stop := o.Reports.follow(v.summary)
	defer stop()
	defer v.reportLeftOut()
	if err := from.Objects(ctx, func(items []Item) error { return v.compare(ctx, items) }); err != nil {
		return v.summary, err
	}
	if surplus {
		return v.summary, v.surplus(ctx)
	}
	return v.summary, nil
}

func (i *importer) compare(ctx context.Context, items []Item) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for _, item := range items {
		group.Go(func() error {
			o, err := i.kinds.readItem(item)
			if err != nil {
				outcome := Refused
				if errors.Is(err, errOtherKind) {
					outcome = Skipped
				}
				i.summary.count(otherKinds, outcome)
				i.options.Reports.line("%s: %s: %v", item.Where, outcome, err)
				return nil
			}
			if !i.takes(o) || !i.came(o) {
				return nil
			}
			found, err := i.store.look(ctx, o.path())
			if err != nil {
				return err
			}
			outcome, why, err := difference(o, found)
			if err != nil {
				return err
			}
			i.summary.count(o.kind.Plural, outcome)
			if why != "" {
				i.options.Reports.line("%s: %s", o.title(), why)
			}
			return nil
		})
	}
	return group.Wait()
}

func difference(o *object, found entry) (Outcome, string, error) {
	if found.value == nil {
		return Missing, "missing here", nil
	}
	if err := o.complete(found.value, time.Now()); err != nil {
		return "", "", err
	}
	f, err := o.form()
	if err != nil {
		return Refused, "refused: " + err.Error(), nil
	}
	its, err := decodeJSON(f.value)
	if err != nil {
		return "", "", err
	}
	ours, err := decodeJSON(found.value)
	if err != nil {
		return Different, "what is stored here cannot be read", nil
	}
	if engineWrote(o.kind, ours) {
		leaveStatus(its)
		leaveStatus(ours)
	}
	if paths := differences(its, ours, false); len(paths) > 0 {
		return Different, "differs in " + list(paths), nil
	}
	return Unchanged, "", nil
}

// engineManager is the field manager of what the server's own engine writes.
const engineManager = "ark-server"

// queriesPlural is the plural of Queries.
const queriesPlural = "queries"

// engineWrote reports whether the engine of this server has written an object's status, as it does
// here and in the source alike. That of a Query is its answer, which is compared.
func engineWrote(k *kind, ours any) bool {
	content, ok := ours.(map[string]any)
	if !ok || k.core || k.Plural == queriesPlural {
		return false
	}
	meta, _ := content["metadata"].(map[string]any)
	managers, _ := meta["managedFields"].([]any)
	return slices.ContainsFunc(managers, func(m any) bool {
		entry, _ := m.(map[string]any)
		return entry["manager"] == engineManager && entry["subresource"] == "status"
	})
}

// leaveStatus takes out the status of an object, and who has written it.
func leaveStatus(value any) {
	content, ok := value.(map[string]any)
	if !ok {
		return
	}
	delete(content, "status")
	meta, _ := content["metadata"].(map[string]any)
	managers, ok := meta["managedFields"].([]any)
	if !ok {
		return
	}
	managers = slices.DeleteFunc(slices.Clone(managers), func(m any) bool {
		entry, _ := m.(map[string]any)
		return entry["subresource"] == "status"
	})
	if meta["managedFields"] = managers; len(managers) == 0 {
		delete(meta, "managedFields")
	}
}

// surplus finds the objects that the source has not.
func (i *importer) surplus(ctx context.Context) error {
	for _, k := range i.kinds.ordered {
		if k.core && (!i.serves.keepsCore() || !i.from.Serves(k.Plural) || k.Plural == secrets && !i.options.Secrets) {
			continue
		}
		_, err := i.store.scan(ctx, objectPrefix, k.place, 0, func(page []kept) error {
			for _, one := range page {
				if i.seen[one.path] {
					continue
				}
				namespace, name, _ := k.parse(strings.TrimPrefix(one.path, k.place))
				if k.Plural == namespaces && (slices.Contains(ownNamespaces, name) || i.in[name]) {
					continue
				}
				i.summary.count(k.Plural, Surplus)
				i.options.Reports.line("%s: only here", k.title(namespace, name))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
