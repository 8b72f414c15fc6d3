package history

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Select says which object a key of the store is, and false for one whose changes are not kept.
type Select func(key []byte) (Ref, bool)

// meta is what a version takes from an object.
type meta struct {
	Kind     string `json:"kind"`
	Metadata struct {
		UID         string            `json:"uid"`
		Generation  int64             `json:"generation"`
		Annotations map[string]string `json:"annotations"`
		Labels      json.RawMessage   `json:"labels"`
		Finalizers  json.RawMessage   `json:"finalizers"`
		Owners      json.RawMessage   `json:"ownerReferences"`
		Deletion    json.RawMessage   `json:"deletionTimestamp"`
	} `json:"metadata"`
}

// sameBut reports whether only the status differs: what else there is changes the generation.
func (m *meta) statusOnly(prev *meta) bool {
	a, b := &m.Metadata, &prev.Metadata
	if a.Generation == 0 || a.Generation != b.Generation || len(a.Annotations) != len(b.Annotations) {
		return false
	}
	for name, value := range a.Annotations {
		if was, ok := b.Annotations[name]; !ok || was != value {
			return false
		}
	}
	return bytes.Equal(a.Labels, b.Labels) && bytes.Equal(a.Finalizers, b.Finalizers) &&
		bytes.Equal(a.Owners, b.Owners) && bytes.Equal(a.Deletion, b.Deletion)
}

// read parses an object; it reports false where that is not JSON.
func (m *meta) read(value []byte) bool {
	return len(value) > 0 && value[0] == '{' && json.Unmarshal(value, m) == nil
}

// versionOf is what a revision made of an object. Its Object is what the store holds, encrypted or not.
func versionOf(ref Ref, c *mvcc.Commit, ev mvcc.Event) *Version {
	v := &Version{
		Resource: ref.Resource, Namespace: ref.Namespace, Name: ref.Name, Revision: ev.KV.ModRevision, Time: c.Time.Truncate(time.Millisecond),
		Verb: c.Actor.Verb, User: c.Actor.User, Impersonator: c.Actor.Impersonator, UserAgent: c.Actor.UserAgent,
		FieldManager: c.Actor.FieldManager, AuditID: c.Actor.AuditID,
	}
	if c.Actor.Groups != "" {
		v.Groups = strings.Split(c.Actor.Groups, ",")
	}
	kv := ev.KV
	if ev.Type == mvcc.EventDelete {
		v.Deleted = true
		if kv = ev.Prev; kv == nil {
			return v
		}
	}
	v.CreateRevision, v.Object = kv.CreateRevision, kv.Value
	var now, prev meta
	v.describe(&now)
	if !v.Deleted && ev.Prev != nil && !v.Encrypted && prev.read(ev.Prev.Value) {
		v.StatusOnly = now.statusOnly(&prev)
	}
	return v
}

// describe sets what the object says.
func (v *Version) describe(m *meta) {
	if !m.read(v.Object) {
		v.Encrypted = len(v.Object) > 0
		return
	}
	v.Kind, v.UID, v.Generation = m.Kind, m.Metadata.UID, m.Metadata.Generation
	v.Cause = m.Metadata.Annotations[CauseAnnotation]
}
