package mvcc_test

import (
	"time"
)

// next takes a step.
func (w *simulation) next() {
	w.settle()
	w.steps.Add(1)
	w.pause(time.Duration(1+w.rnd.IntN(20)) * time.Microsecond) // so that no two timers are for the same time
	place := w.rnd.IntN(len(w.replicas))
	r := w.replicas[place]
	switch n := w.rnd.IntN(1000); {
	case n < 580:
		w.release()
	case n < 800:
		if r.ready() && w.busy(r) < 5 {
			w.request(r)
		}
	case n < 880:
		w.observe(r)
	case n < 950:
		w.sleep()
	case n < 960:
		if late := len(w.gate.late); late > 0 {
			w.gate.arrive(w.rnd.IntN(late))
		}
	case n < 965:
		if len(w.ops) > 0 {
			o := w.ops[w.rnd.IntN(len(w.ops))]
			w.note("%s: cancelled", o)
			o.cancelled = true
			o.cancel()
		}
	case n < 985:
		w.trouble(r)
	case n < 990:
		w.restart(place)
	case n < 995:
		w.db.ForgetLeases()
	case n < 998:
		if w.shared && w.backup == nil {
			w.note("backup at %d", w.journal.revision)
			w.backup, w.backedUp = w.db.Backup(), w.journal.copy()
		}
	default:
		if w.backup != nil {
			w.restore()
		}
	}
}

// busy is how many operations are under way on a replica.
func (w *simulation) busy(r *replica) int {
	n := 0
	for _, o := range w.ops {
		if o.r == r {
			n++
		}
	}
	return n
}

// release lets a request pass.
func (w *simulation) release() {
	var able []*parked
	for _, p := range w.gate.waiting() {
		if !p.r.frozen {
			able = append(able, p)
		}
	}
	if len(able) > 0 {
		w.gate.release(able[w.rnd.IntN(len(able))])
	}
}

// observe begins a watch, or polls one.
func (w *simulation) observe(r *replica) {
	var of []*watch
	for _, wt := range w.watches {
		if wt.r == r && !wt.ended {
			of = append(of, wt)
		}
	}
	switch {
	case !r.ready():
	case len(of) < 2:
		w.watch(r)
	default:
		if wt := of[w.rnd.IntN(len(of))]; !wt.polling {
			w.poll(wt)
		}
	}
}

// sleep lets time pass: mostly as long as a request takes, now and then until something expires.
func (w *simulation) sleep() {
	d := time.Duration(w.rnd.IntN(5000)) * time.Microsecond
	switch w.rnd.IntN(20) {
	case 0:
		d = time.Duration(w.rnd.IntN(10_000)) * time.Millisecond
	case 1, 2, 3:
		d = time.Duration(w.rnd.IntN(500)) * time.Millisecond
	}
	w.pause(d)
}

// pause lets time pass.
func (w *simulation) pause(d time.Duration) {
	w.db.Reading() // locks what a timer's goroutine locks, so the race detector sees that one waits for the other
	time.Sleep(d)
}

// trouble freezes a replica or breaks its connections, or ends that.
func (w *simulation) trouble(r *replica) {
	switch {
	case r.dead || w.faults == 0:
	case r.frozen:
		w.note("%s: thaws", r)
		r.frozen = false
	case r.cut.Load():
		w.mend(r)
	case w.rnd.IntN(3) > 0: // trouble ends sooner than it comes again
	case w.rnd.IntN(2) == 0:
		w.note("%s: frozen", r)
		r.frozen = true
	default:
		w.cutOff(r)
	}
}

// restart ends a replica, or starts it again.
func (w *simulation) restart(place int) {
	r := w.replicas[place]
	switch {
	case r.dead:
		w.open(place)
	case w.rnd.IntN(2) == 0 && r.ready():
		w.shut(r)
	default:
		w.counts.Kills++
		w.kill(r)
	}
}
