package transfer

import (
	"fmt"
	"sync"
)

// leftOut collects what is not moved, so that nobody takes what was for all that there is. It names
// objects, never values.
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

// report reports what was left out, and why.
func (l *leftOut) report(reports Reports, why func(left int) Warning) {
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
		reports.warn(why(n))
	}
}

func notAsked(left int) Warning { return SecretsNotAsked{left} }

func notHere(left int) Warning { return CoreNotHere{left} }

func plural(n int) string {
	if n == 1 {
		return "1 object"
	}
	return fmt.Sprintf("%d objects", n)
}
