package findings

import (
	"maps"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/objectjson"
)

// Findings counts what a server finds in its objects and in itself that an operator
// should know of, and logs each thing once. Its methods are safe for concurrent use.
type Findings struct {
	mu          sync.Mutex
	unknown     map[UnknownField]int64
	undecodable map[string]int64
	named       map[string]uint64 // undecodable keys that were logged, with their revisions
	panics      int64
	// unloggedPanics are those since the last that was logged.
	unloggedPanics int64
	shed           map[string]int64
}

// UnknownField is a field that some object of a resource has and its type does not declare.
type UnknownField struct {
	// Resource is the plural name, such as queries.
	Resource string
	// Path is that of the field without list indexes; OtherFields for those beyond a bound.
	Path string
}

const (
	// OtherFields stands for all unknown fields beyond the first maxUnknown: clients
	// choose the names.
	OtherFields = "other"
	maxUnknown  = 100
	// maxPath is how long a path is in a metric or log line.
	maxPath = 128
)

// New returns an empty one.
func New() *Findings {
	return &Findings{unknown: map[UnknownField]int64{}, undecodable: map[string]int64{}, named: map[string]uint64{}, shed: map[string]int64{}}
}

// NoteUnknown counts the unknown fields of an object that was decoded. It is cheap for an
// object without.
func (f *Findings) NoteUnknown(resource schema.GroupResource, fields *objectjson.UnknownFields) {
	if f == nil || fields.Raw == "" {
		return
	}
	found := fields.List()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, field := range found {
		key := UnknownField{Resource: resource.Resource, Path: shortened(field.Path.Pattern())}
		if _, known := f.unknown[key]; !known {
			if len(f.unknown) >= maxUnknown {
				key.Path = OtherFields
			}
			f.logUnknown(key)
		}
		f.unknown[key]++
	}
}

func (f *Findings) logUnknown(key UnknownField) {
	if _, known := f.unknown[key]; known {
		return
	}
	if key.Path == OtherFields {
		klog.InfoS("Objects have more unknown fields than are named one by one; they are kept", "resource", key.Resource, "named", maxUnknown)
		return
	}
	klog.InfoS("An object has a field that this release does not know; it is kept as it is, without validation. It may be from a newer release of Ark or of this server: see whether there is one of this server that knows it",
		"resource", key.Resource, "field", key.Path)
}

func shortened(path string) string { return shortenedTo(path, maxPath) }

func shortenedTo(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return text[:limit] + "..."
}

// maxNamed is how many undecodable objects the log names.
const maxNamed = 1000

// NoteUndecodable counts a stored object that a list has left out, and logs each state of one once.
func (f *Findings) NoteUndecodable(resource schema.GroupResource, key string, revision uint64, err error) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.undecodable[resource.String()]++
	if f.named[key] == revision || len(f.named) >= maxNamed {
		return
	}
	f.named[key] = revision
	klog.ErrorS(nil, "A stored object cannot be decoded. Lists and watches leave it out, all others are served. Restore it from a backup, or delete it: "+
		"kubectl delete --raw '"+deletePath(resource, key)+"'; see docs/operations/troubleshooting.md",
		"key", key, "revision", revision, "reason", shortenedTo(err.Error(), 300))
}

// deletePath is where an undecodable Ark object can be deleted. The key of one ends in
// group/resource/namespace/name, or without the namespace.
func deletePath(resource schema.GroupResource, key string) string {
	_, name, found := strings.Cut(key, "/"+resource.Group+"/"+resource.Resource+"/")
	kind, known := versionOf(resource)
	if !found || !known {
		return "PATH-OF-THE-OBJECT?" + ignoreReadError
	}
	path := "/apis/" + resource.Group + "/" + kind.GroupVersion.Version + "/"
	if namespace, rest, namespaced := strings.Cut(name, "/"); namespaced {
		path, name = path+"namespaces/"+namespace+"/", rest
	}
	return path + resource.Resource + "/" + name + "?" + ignoreReadError
}

// ignoreReadError has an object deleted that cannot be read.
const ignoreReadError = "ignoreStoreReadErrorWithClusterBreakingPotential=true"

func versionOf(resource schema.GroupResource) (install.Kind, bool) {
	for _, kind := range install.Kinds() {
		if kind.Resource() == resource {
			return kind, true
		}
	}
	return install.Kind{}, false
}

// UnknownFields returns how often an object with each unknown field has been decoded.
func (f *Findings) UnknownFields() map[UnknownField]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.unknown)
}

// Undecodable returns how often a stored object could not be decoded, by resource.
func (f *Findings) Undecodable() map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.undecodable)
}

// NotePanic counts a panic. If it may be logged, it returns how many were not since the last
// that was.
func (f *Findings) NotePanic(log bool) (unlogged int64, logged bool) {
	if f == nil {
		return 0, log
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.panics++
	if !log {
		f.unloggedPanics++
		return 0, false
	}
	unlogged, f.unloggedPanics = f.unloggedPanics, 0
	return unlogged, true
}

// Panics returns how many requests a panic has ended.
func (f *Findings) Panics() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.panics
}

// NoteShed counts a request that was turned away because the server is near its limit of memory, by
// its verb.
func (f *Findings) NoteShed(verb string) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shed[verb]++
}

// Shed returns how many requests were turned away for want of memory, by verb.
func (f *Findings) Shed() map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.shed)
}
