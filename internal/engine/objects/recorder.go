package objects

import (
	"context"
	"sync"
)

// Recorder is a Reader that records the versions of the Ark objects that were read.
type Recorder struct {
	Reader

	mu       sync.Mutex
	versions map[string]string
}

// NewRecorder returns a recorder on a reader.
func NewRecorder(from Reader) *Recorder {
	return &Recorder{Reader: from, versions: map[string]string{}}
}

// Get implements Reader.
func (r *Recorder) Get(ctx context.Context, resource, namespace, name string, into Object) error {
	if err := r.Reader.Get(ctx, resource, namespace, name, into); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.versions[resource+"/"+namespace+"/"+name] = into.GetResourceVersion()
	return nil
}

// Versions returns the resourceVersions by resource/namespace/name.
func (r *Recorder) Versions() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string]string, len(r.versions))
	for name, version := range r.versions {
		out[name] = version
	}
	return out
}
