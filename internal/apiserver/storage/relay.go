package storage

import (
	"sync"

	"k8s.io/apimachinery/pkg/watch"
)

// relay is a watch that passes on what change returns for each event of another watch, unless
// it reports false. Its goroutine ends with the watch below, or at Stop.
type relay struct {
	watch.Interface
	change  func(watch.Event) (watch.Event, bool)
	result  chan watch.Event
	stop    sync.Once
	stopped chan struct{}
}

// relayBuffer lets the watch below go on while the receiver takes an event in.
const relayBuffer = 16

func newRelay(w watch.Interface, change func(watch.Event) (watch.Event, bool)) *relay {
	r := &relay{Interface: w, change: change, result: make(chan watch.Event, relayBuffer), stopped: make(chan struct{})}
	go r.run()
	return r
}

func (r *relay) run() {
	defer close(r.result)
	for e := range r.Interface.ResultChan() {
		e, ok := r.change(e)
		if !ok {
			continue
		}
		select {
		case r.result <- e:
		case <-r.stopped:
			return
		}
	}
}

// ResultChan implements watch.Interface.
func (r *relay) ResultChan() <-chan watch.Event { return r.result }

// Stop implements watch.Interface.
func (r *relay) Stop() {
	r.stop.Do(func() { close(r.stopped) })
	r.Interface.Stop()
}
