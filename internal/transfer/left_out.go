package transfer

import (
	"fmt"
	"sync"
)

// leftOut collects what is not moved, so that nobody takes what was for all that there is. It names objects,
// never values.
type leftOut struct {
	mu    sync.Mutex
	names map[string][]string // by plural
}

func (l *leftOut) add(summary *Summary, plural, name string) {
	summary.count(plural, LeftOut)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.names == nil {
		l.names = map[string][]string{}
	}
	l.names[plural] = append(l.names[plural], name)
}

// report tells what was left out, and why.
func (l *leftOut) report(reports Reports, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, resource := range coreResources {
		if names := l.names[resource]; len(names) > 0 {
			n += len(names)
			reports.line("%s: left out: %s", resource, list(names))
		}
	}
	if n > 0 {
		reports.line("warning: %s left out: %s", plural(n), why)
	}
}

const (
	notAsked = "Secrets are moved with --secrets, and left out without an error with --secrets=false"
	notHere  = "the target's storage is of a server in a cluster, which keeps them itself: create them there with kubectl (or, if it is to be a standalone server's, start that once on it and run this again)"
)

func plural(n int) string {
	if n == 1 {
		return "1 object"
	}
	return fmt.Sprintf("%d objects", n)
}
