package apiserver

import (
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/objectjson"
)

// Findings counts what a server finds in its objects and in itself that an operator
// should know of, and logs each thing once. Its methods are safe for concurrent use.
type Findings struct {
	mu          sync.Mutex
	unknown     map[UnknownField]int64
	undecodable map[string]int64
	panics      int64
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

// NewFindings returns an empty one.
func NewFindings() *Findings {
	return &Findings{unknown: map[UnknownField]int64{}, undecodable: map[string]int64{}}
}

// noteUnknown counts the unknown fields of an object that was decoded. It is cheap for an
// object without.
func (f *Findings) noteUnknown(resource schema.GroupResource, fields *objectjson.UnknownFields) {
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

func shortened(path string) string {
	if len(path) <= maxPath {
		return path
	}
	return path[:maxPath] + "..."
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

// Panics returns how many requests a panic has ended.
func (f *Findings) Panics() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.panics
}
