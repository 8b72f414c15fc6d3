package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/history"
	"github.com/mckinsey/ark-server/internal/redact"
)

// metadata returns the metadata of a version, as the API shows it.
func (k kinds) metadata(v *history.Version) metav1.ObjectMeta {
	revision := strconv.FormatInt(v.Revision, 10)
	return metav1.ObjectMeta{
		Name: k.nameOf(v), Namespace: k.namespaceOf(v.Ref()), UID: types.UID(v.UID + "." + revision), ResourceVersion: revision,
		CreationTimestamp: metav1.NewTime(v.Time.Truncate(time.Second)),
	}
}

func (k kinds) object(v *history.Version) v1alpha1.RevisedObject {
	return v1alpha1.RevisedObject{Kind: k[v.Resource].Name, Namespace: v.Namespace, Name: v.Name, UID: v.UID}
}

// revision returns a version as the API shows it, without the fields that need its object.
func (k kinds) revision(v *history.Version) v1alpha1.Revision {
	return v1alpha1.Revision{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "Revision"},
		ObjectMeta: k.metadata(v), Object: k.object(v),
		Revision: v.Revision, Generation: v.Generation, Verb: v.Verb, User: v.User, Groups: v.Groups,
		Impersonator: v.Impersonator, UserAgent: v.UserAgent, FieldManager: v.FieldManager, AuditID: v.AuditID,
		Time: metav1.NewMicroTime(v.Time), Cause: v.Cause,
	}
}

// before returns the version that a version replaced, with its object; nil if there is none, or it
// is not kept.
func (g *Group) before(ctx context.Context, v *history.Version) (*history.Version, error) {
	page, err := g.reader.List(ctx, history.Query{
		Resource: v.Resource, Namespace: v.Namespace, Name: v.Name, To: v.Revision - 1, Limit: 1, Objects: true,
	})
	if err != nil || len(page.Items) == 0 || page.Items[0].Deleted || page.Items[0].UID != v.UID {
		return nil, err
	}
	return page.Items[0], nil
}

// changed returns the fields in which a version differs from the previous one, nil if that is not
// kept.
func (g *Group) changed(ctx context.Context, v *history.Version) ([]string, error) {
	if v.Deleted || v.Object == nil {
		return nil, nil
	}
	before, err := g.before(ctx, v)
	if err != nil || before == nil {
		return nil, err
	}
	return changedPaths(before, v)
}

// whole returns a version with its object. Secrets are hidden from users that may not get the
// object.
func (g *Group) whole(ctx context.Context, v *history.Version) (*v1alpha1.Revision, error) {
	one := g.kinds.revision(v)
	var err error
	if one.ChangedPaths, err = g.changed(ctx, v); err != nil {
		return nil, err
	}
	one.Snapshot, err = g.snapshot(ctx, v)
	return &one, err
}

// snapshot returns the object of a version as the API showed it then, for the sender of a request.
func (g *Group) snapshot(ctx context.Context, v *history.Version) (*runtime.RawExtension, error) {
	object, err := g.shown(ctx, v)
	if err != nil || object == nil {
		return nil, err
	}
	raw, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("write revision %d: %w", v.Revision, err)
	}
	return &runtime.RawExtension{Raw: raw}, nil
}

// shown returns the object of a version with the parts that the sender of a request may read; nil
// for none.
func (g *Group) shown(ctx context.Context, v *history.Version) (map[string]any, error) {
	object, err := decode(v.Object)
	if err != nil || object == nil {
		return nil, err
	}
	open, err := g.rights.sees(ctx, "get", v.Ref())
	if err != nil {
		return nil, err
	}
	if !open {
		redact.Object(object)
	}
	if metadata, ok := object["metadata"].(map[string]any); ok && !v.Deleted {
		metadata["resourceVersion"] = strconv.FormatInt(v.Revision, 10)
	}
	return object, nil
}

// decode decodes a stored object with unconverted numbers; it returns nil for no object.
func decode(text []byte) (map[string]any, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var object map[string]any
	if err := utiljson.Unmarshal(text, &object); err != nil {
		return nil, errors.New("a stored object is no JSON")
	}
	return object, nil
}
