package component

import (
	"context"
	"errors"
	"regexp"
	"sync"
)

// outputLimit limits how much of a child's stream is kept; older text is dropped first.
const outputLimit = 8 << 20

var errEnded = errors.New("the process ended")

// output collects a child's stream and lets readers wait for text in it.
type output struct {
	mu      sync.Mutex
	text    []byte
	ended   bool
	changed chan struct{} // closed and replaced on each change
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b...)
	if extra := len(o.text) - outputLimit; extra > 0 {
		o.text = append(o.text[:0:0], o.text[extra:]...)
	}
	o.signal()
	return len(b), nil
}

func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.signal()
}

// signal wakes the waiting readers; the lock is held.
func (o *output) signal() {
	close(o.changed)
	o.changed = make(chan struct{})
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

func (o *output) waitMatch(ctx context.Context, pattern *regexp.Regexp) ([]string, error) {
	for {
		o.mu.Lock()
		text, ended, changed := string(o.text), o.ended, o.changed
		o.mu.Unlock()
		if found := pattern.FindStringSubmatch(text); found != nil {
			return found, nil
		}
		if ended {
			return nil, errEnded
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		}
	}
}
