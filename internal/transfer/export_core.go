package transfer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// rootCA is a ConfigMap that every cluster publishes in each of its namespaces.
const rootCA = "kube-root-ca.crt"

// exportCore brings one kind of the core group to the target. The storages of servers in a cluster
// hold none.
func (e *exporter) exportCore(ctx context.Context, plural string) error {
	k := e.kinds.core(plural)
	_, err := e.store.scan(ctx, objectPrefix, k.place, newest, func(page []kept) error { return e.page(ctx, k, page) })
	return err
}

// read takes an object from what is stored. Its error quotes nothing of an object of the core
// group.
func (e *exporter) read(k *kind, one kept) (o *object, take bool, err error) {
	if !k.core {
		o, err = e.kinds.read(one.value)
		return o, true, err
	}
	take, _, err = writable(e.kinds, k, &one)
	if err != nil || !take {
		return nil, false, err
	}
	o, err = e.kinds.read(one.value)
	return o, true, err
}

// passes counts an object of the core group that is not to be brought, and reports whether it is
// one.
func (e *exporter) passes(o *object) bool {
	name := o.namespace + "/" + o.name
	switch {
	case !o.kind.core || o.kind.Plural == namespaces:
		return false
	case o.kind.Plural == configMaps && o.name == rootCA:
	case o.kind.Plural == secrets && !e.options.Secrets:
		e.mu.Lock()
		_, again := e.seen[o.path()]
		e.seen[o.path()] = LeftOut
		e.mu.Unlock()
		if !again {
			e.left.add(e.summary, secrets, name)
		}
	case o.namespace != "default" && slices.Contains(ownNamespaces, o.namespace):
		e.skip(o, "the target keeps what is in "+o.namespace+" itself")
	case o.kind.Plural == secrets && o.content["type"] == string(corev1.SecretTypeServiceAccountToken):
		e.skip(o, "the token of a service account is good only for the server that signed it: make one in the target")
	default:
		return false
	}
	e.drop(o.path())
	return true
}

func (e *exporter) skip(o *object, why string) {
	if e.done(o.kind, o.path(), Skipped) {
		e.options.Reports.line("%s: skipped: %s", o.title(), why)
	}
}

// drop notes that an object has no counterpart in the target.
func (e *exporter) drop(path string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dropped[path] = true
}

func (e *exporter) isDropped(path string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.dropped[path]
}

// tryCore creates an object of the core group, or updates one that an earlier export made and
// nobody has changed since. Every other object is the target's own, and stays as it is.
func (e *exporter) tryCore(ctx context.Context, o *object, want halves) (Outcome, string, error) {
	there, err := e.to.get(ctx, o.kind, o.namespace, o.name)
	if err != nil && !apierrors.IsNotFound(err) {
		return "", "", err
	}
	writes := !e.options.DryRun && !e.options.Verify
	if err != nil {
		switch {
		case e.options.Verify:
			return Missing, "missing in the target", nil
		case !writes:
			return Created, "", nil
		}
		there, err = e.to.write(ctx, o, create, want.main, "")
		if o.kind.Plural == namespaces && apierrors.IsForbidden(err) && !isRefusal(err) {
			e.absent(o.name) // all are named at once
			return Refused, "", nil
		}
		if err != nil {
			return "", "", err
		}
		e.learn(o, there)
		return Created, e.deleting(o, want), e.settleCore(ctx, o, want, there)
	}
	has := split(there)
	known, err := e.made(ctx, o, has)
	if err != nil {
		return "", "", err
	}
	paths := coreDifferences(o, want, has)
	if known || len(paths) == 0 {
		e.learn(o, there)
	}
	switch {
	case len(paths) == 0:
		return Unchanged, "", nil
	case e.options.Verify:
		return Different, "differs in " + list(paths), nil
	case !known:
		return Conflict, "conflict: the target has one of its own, or one that was changed there, which differs in " + list(paths) + "; left alone", nil
	case has.deleting:
		return Conflict, "conflict: it is being deleted in the target, which cannot be undone", nil
	case !writes:
		return Updated, "", nil
	}
	main := want.main
	if o.kind.Plural == namespaces {
		main = withLabels(want.main, there)
	}
	if there, err = e.to.write(ctx, o, update, main, has.version); err != nil {
		return "", "", err
	}
	return Updated, e.deleting(o, want), e.settleCore(ctx, o, want, there)
}

// settleCore begins the deletion of an object that is being deleted, and notes what the target has
// of it.
func (e *exporter) settleCore(ctx context.Context, o *object, want halves, there map[string]any) error {
	has := split(there)
	if want.deleting && !has.deleting && o.kind.Plural != namespaces {
		return e.to.delete(ctx, o.kind, o.namespace, o.name, has.uid, finalizers(o.content))
	}
	return e.remember(ctx, o, has.version)
}

// recorded is the uid of what an earlier export made of an object that is not brought now, or "" if
// that is not there.
func (e *exporter) recorded(ctx context.Context, o *object) (string, error) {
	found, err := e.store.look(ctx, o.path())
	if err != nil || found.record == nil || found.record.Source != e.to.ID() {
		return "", err
	}
	there, err := e.to.get(ctx, o.kind, o.namespace, o.name)
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", e.to.explain(err, "read "+o.title())
	}
	if uid := split(there).uid; uid == found.record.UID {
		e.learn(o, there)
		return uid, nil
	}
	return "", nil
}

// deleting says what is not done for a Namespace that is being deleted.
func (e *exporter) deleting(o *object, want halves) string {
	if want.deleting && o.kind.Plural == namespaces {
		return "it is being deleted here: delete it in the target with kubectl"
	}
	return ""
}

// made reports whether an earlier transfer brought the target's object, and nobody has written it
// since.
func (e *exporter) made(ctx context.Context, o *object, has halves) (bool, error) {
	found, err := e.store.look(ctx, o.path())
	if err != nil {
		return false, err
	}
	return found.record.knows(e.to.ID(), has), nil
}

// coreDifferences compares an object with the target's. Of a Namespace it compares what users gave
// it: each server adds its own labels and annotations.
func coreDifferences(o *object, want, has halves) []string {
	if o.kind.Plural != namespaces {
		paths := differences(want.main, has.main, false)
		if want.deleting != has.deleting {
			paths = append(paths, "metadata.deletionTimestamp")
		}
		return paths
	}
	return differences(given(want.main), given(has.main), true)
}

// given is what users give a Namespace.
func given(main map[string]any) map[string]any {
	meta := map[string]any{}
	for _, field := range []string{"labels", "annotations"} {
		values, _ := metadata(main)[field].(map[string]any)
		if values == nil {
			values = map[string]any{}
		}
		meta[field] = values
	}
	return map[string]any{"metadata": meta}
}

// withLabels is the target's Namespace with the labels and annotations of ours.
func withLabels(want, there map[string]any) map[string]any {
	main := split(there).main
	meta := metadata(main)
	for _, field := range []string{"labels", "annotations"} {
		merged := map[string]any{}
		for _, from := range []map[string]any{metadata(main), metadata(want)} {
			values, _ := from[field].(map[string]any)
			for key, value := range values {
				merged[key] = value
			}
		}
		if len(merged) > 0 {
			meta[field] = merged
		}
	}
	return main
}

// coreRest deletes in the target what an earlier export made there and is gone here. Namespaces
// stay, for what may be in them.
func (e *exporter) coreRest(ctx context.Context) error {
	for _, plural := range coreResources {
		if plural == secrets && !e.options.Secrets {
			continue
		}
		k := e.kinds.core(plural)
		if _, err := e.store.scan(ctx, recordPrefix, k.place, newest, func(page []kept) error {
			for _, one := range page {
				if err := e.coreGone(ctx, k, one); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

func (e *exporter) coreGone(ctx context.Context, k *kind, one kept) error {
	namespace, name, ok := k.parse(strings.TrimPrefix(one.path, k.place))
	found, err := e.store.look(ctx, one.path)
	if err != nil || !ok || found.value != nil || found.record == nil || found.record.Source != e.to.ID() {
		return err
	}
	there, err := e.to.get(ctx, k, namespace, name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return e.to.explain(err, "read "+k.title(namespace, name))
	}
	has := split(there)
	outcome, why := Deleted, ""
	switch {
	case found.record.UID != has.uid || has.deleting:
		return nil // another object of that name
	case e.options.Verify:
		outcome, why = Surplus, "only in the target"
	case k.Plural == namespaces:
		outcome, why = Conflict, "conflict: an earlier export made it, and it is gone here; kept for what may be in it: delete it with kubectl"
	case !found.record.knows(e.to.ID(), has):
		outcome, why = Conflict, "conflict: it is gone here, but was changed in the target since; left alone"
	case !e.options.DryRun:
		if err := e.to.delete(ctx, k, namespace, name, has.uid, nil); err != nil && !apierrors.IsNotFound(err) {
			return e.to.explain(err, "delete "+k.title(namespace, name))
		}
	}
	if e.done(k, one.path, outcome) && why != "" {
		e.options.Reports.line("%s: %s", k.title(namespace, name), why)
	}
	return nil
}

// absent collects the namespaces that the target lacks and that could not be made.
func (e *exporter) absent(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.namespaces[name] = true
}

// missingNamespaces names the namespaces that are missing, with the command that creates them; ""
// if there are none.
func (e *exporter) missingNamespaces() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.namespaces) == 0 {
		return ""
	}
	var names []string
	for name := range e.namespaces {
		names = append(names, name)
	}
	slices.Sort(names)
	return fmt.Sprintf("the target lacks the namespaces %[1]s: for n in %[1]s; do kubectl create namespace $n; done", strings.Join(names, " "))
}
