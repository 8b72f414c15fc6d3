package hooks

import (
	"fmt"
	"slices"
	"strings"
)

// Hook is a place where the server departs from the stock one.
type Hook string

// The hooks. Each can be switched off alone.
const (
	// Codecs are our JSON codecs for Ark objects, their lists and watch events; without them the stock
	// serializers do it all.
	Codecs Hook = "codecs"
	// Install serves the group with our type converter for managed fields; without it InstallAPIGroup
	// makes the stock one.
	Install Hook = "install"
	// Routes remember what the stock router found; without them it is asked for every request.
	Routes Hook = "routes"
	// Stacks are grown before the handlers and the decoder run; without that they grow as they need
	// to.
	Stacks Hook = "stacks"
	// Snapshots switches the feature gate ListFromCacheSnapshot off; without the hook it is as
	// upstream has it.
	Snapshots Hook = "snapshots"
	// Estimates switches the feature gate SizeBasedListCostEstimate off; without the hook it is as
	// upstream has it.
	Estimates Hook = "estimates"
	// Factory makes the etcd3 storage and its watch cache from clients that it is given. Without it
	// the stock storage factory does, which needs the address of an etcd: an embedded storage keeps
	// the hook.
	Factory Hook = "factory"
	// Panics answers a request whose handler panics with a Status; without it the stock filter breaks
	// the stream off.
	Panics Hook = "panics"
	// Faults turns answers that the stock handlers give clients' mistakes into the right ones, by the
	// text of the error.
	Faults Hook = "faults"
)

// All returns every hook.
func All() []Hook {
	return []Hook{Codecs, Install, Routes, Stacks, Snapshots, Estimates, Factory, Panics, Faults}
}

// Off are the hooks that are switched off. The zero value leaves all of them on. It is immutable
// and safe for concurrent use.
type Off struct{ hooks []Hook }

// Parse reads names of hooks separated by commas; "all" is every one, "" none.
func Parse(text string) (Off, error) {
	var off Off
	for name := range strings.SplitSeq(text, ",") {
		switch hook := Hook(strings.TrimSpace(name)); {
		case hook == "":
		case hook == "all":
			off.hooks = All()
		case slices.Contains(All(), hook):
			off.hooks = append(off.hooks, hook)
		default:
			return Off{}, fmt.Errorf("there is no hook %q: use all or some of %v", hook, All())
		}
	}
	return off, nil
}

// Has reports whether a hook is switched off.
func (o Off) Has(hook Hook) bool { return slices.Contains(o.hooks, hook) }
