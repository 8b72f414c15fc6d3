package transfer

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// begin finds out whether the storage is one that takes objects of the core group.
func (i *importer) begin(ctx context.Context) (err error) {
	i.serves, err = i.store.serves(ctx)
	switch from := i.from.(type) {
	case *Files:
	case *Kube:
		if i.fromCluster = !from.Standalone(); i.fromCluster {
			i.options.Reports.line("note: the source is a cluster: its Namespaces, ConfigMaps and Secrets stay there, and Ark's objects are taken")
		}
	default:
		i.fromCluster = true
	}
	return err
}

// takes says whether an object is to be moved, and counts one that is left out.
func (i *importer) takes(o *object) bool {
	if !o.kind.core {
		return true
	}
	if o.ownNamespace() && !o.reduce() {
		return false
	}
	if i.serves.keepsCore() && (o.kind.Plural != secrets || i.options.Secrets) {
		return true
	}
	if i.first(o.path()) {
		name := o.name
		if o.namespace != "" {
			name = o.namespace + "/" + o.name
		}
		i.left.add(i.summary, o.kind.Plural, name)
	}
	return false
}

// reportLeftOut tells what was not taken.
func (i *importer) reportLeftOut() {
	why := notAsked
	if !i.serves.keepsCore() {
		why = notHere
	}
	i.left.report(i.options.Reports, why)
}

// makeNamespaces creates the namespaces that objects are in and the source has not. A standalone
// server makes its own.
func (i *importer) makeNamespaces(ctx context.Context) error {
	if !i.serves.keepsCore() || i.fromCluster && i.serves == unknown {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(i.in)) {
		o := &object{kind: i.kinds.core(namespaces), name: name}
		if o.ownNamespace() || i.seen[o.path()] {
			continue
		}
		o.content = map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}
		if err := i.makeNamespace(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func (i *importer) makeNamespace(ctx context.Context, o *object) error {
	for {
		found, err := i.store.look(ctx, o.path())
		if err != nil || found.value != nil {
			return err
		}
		if err := o.complete(nil, time.Now()); err != nil {
			return err
		}
		f, err := o.form()
		if err != nil {
			return err
		}
		if !i.options.DryRun {
			err := i.store.put(ctx, o.path(), found, f.value, record{Source: i.from.ID(), UID: o.uid})
			if errors.Is(err, errChanged) {
				continue
			}
			if err != nil {
				return err
			}
		}
		i.summary.count(namespaces, Created)
		i.options.Reports.line("%s: created without labels: objects are in it, and the source has no Namespace of that name", o.title())
		return nil
	}
}

// core returns the kind of the core group.
func (all *kinds) core(plural string) *kind {
	for _, k := range all.ordered {
		if k.core && k.Plural == plural {
			return k
		}
	}
	return nil
}
