package transfer

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// owners changes the uids of owners to those that they have in the target. The target's garbage
// collector deletes what names an owner that is not there, so references to what was not brought
// are dropped.
func (e *exporter) owners(ctx context.Context, o *object, owned []string) error {
	references, _ := metadata(o.content)["ownerReferences"].([]any)
	keep := make([]any, 0, len(references))
	for _, one := range references {
		reference, ok := one.(map[string]any)
		if !ok {
			keep = append(keep, one)
			continue
		}
		apiVersion, _ := reference["apiVersion"].(string)
		name, _ := reference["kind"].(string)
		owner, _ := reference["name"].(string)
		k := e.kinds.byGVK(schema.FromAPIVersionAndKind(apiVersion, name))
		if k == nil || k.core && e.serves != standalone {
			// Its uid is the cluster's own, but for a standalone server, whose other kinds are not moved.
			if e.serves == standalone {
				e.ownerless(o, name, owner)
				continue
			}
			keep = append(keep, one)
			continue
		}
		uid, _ := reference["uid"].(string)
		there, err := e.target(ctx, k, o.namespace, owner, uid, owned)
		if err != nil {
			return err
		}
		if there == "" {
			e.ownerless(o, name, owner)
			continue
		}
		reference["uid"] = there
		keep = append(keep, one)
	}
	if len(keep) < len(references) {
		metadata(o.content)["ownerReferences"] = keep
	}
	return nil
}

func (e *exporter) ownerless(o *object, kind, owner string) {
	e.options.Reports.line("%s: its owner %s %s is not brought to the target, so the reference to it is dropped", o.title(), kind, owner)
}

// target is the uid that an owner has in the target, or "" if it has none there. One that does not
// exist here keeps its uid, and is as missing there.
func (e *exporter) target(ctx context.Context, k *kind, namespace, name, uid string, owned []string) (string, error) {
	if k.ClusterScoped {
		namespace = ""
	}
	if there, ok := e.uidThere(uid); ok {
		return there, nil
	}
	path := k.path(namespace, name)
	for _, on := range owned {
		if on == path {
			return uid, nil // it owns itself
		}
	}
	found, err := e.store.look(ctx, path)
	if err != nil {
		return "", err
	}
	if found.value == nil || uidOf(found.value) != uid {
		return uid, nil
	}
	o, _, err := e.read(k, kept{path: path, value: found.value})
	if err != nil || o == nil {
		return "", nil // reported when its turn comes
	}
	if err := e.one(ctx, o, owned); err != nil {
		return "", err
	}
	if there, ok := e.uidThere(uid); ok {
		return there, nil
	}
	if !e.isDropped(path) {
		return uid, nil
	}
	return e.recorded(ctx, o)
}

func (e *exporter) uidThere(uid string) (string, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	there, ok := e.targets[uid]
	return there, ok
}

// learn notes the uid that an object has in the target.
func (e *exporter) learn(o *object, there map[string]any) {
	uid, _ := metadata(there)["uid"].(string)
	if o.uid == "" {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.targets[o.uid] = uid
}
