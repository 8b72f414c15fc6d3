package mvcc

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Outage is a time during which the database refuses one kind of work.
type Outage struct {
	// Since is when the first failure without a success after it happened; zero while the
	// database works.
	Since time.Time
	// Failures counts the failures since then.
	Failures int64
	// LastError is the newest failure in the database's words, and LastAt when it happened. They
	// stay after the outage has ended, and are empty where there was no failure since Open.
	LastError string
	LastAt    time.Time
}

// outage tracks whether one kind of work succeeds, and logs why it does not: the first failure
// at once, later ones at most once in outageRepeat with their number, and the end.
//
// It is safe for concurrent use.
type outage struct {
	log *slog.Logger
	// fails and works are what the log says, such as "the database takes no writes".
	fails, works string
	now          func() time.Time

	mu       sync.Mutex
	current  Outage
	logged   time.Time // when a failure was last logged
	unlogged int64     // failures since then
	silent   bool      // no failure of the current outage has been logged
}

const (
	// outageRepeat is how often a lasting outage is logged again.
	outageRepeat = time.Minute
	// outageQuiet is how long an outage goes unlogged that follows the log line of another one:
	// a database that comes and goes must not fill the log.
	outageQuiet = 3 * time.Second
	// maxOutageText bounds an error in the log and in reports, in bytes.
	maxOutageText = 600
)

// failed records a failure.
func (o *outage) failed(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	c := &o.current
	c.LastError, c.LastAt = outageText(err), now
	c.Failures++
	o.unlogged++
	first := c.Since.IsZero()
	if first {
		c.Since, o.silent = now, true
	}
	wait := outageRepeat
	if o.silent {
		wait = outageQuiet
	}
	if !o.logged.IsZero() && now.Sub(o.logged) < wait {
		return
	}
	attributes := []any{"error", c.LastError}
	if !first {
		attributes = append(attributes, "for", now.Sub(c.Since).Round(time.Second), "failures", o.unlogged)
	}
	o.log.Warn(o.fails, attributes...)
	o.logged, o.unlogged, o.silent = now, 0, false
}

// succeeded records a success.
func (o *outage) succeeded() {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := &o.current
	if c.Since.IsZero() {
		return
	}
	if !o.silent {
		o.log.Info(o.works, "after", o.now().Sub(c.Since).Round(time.Millisecond), "failures", c.Failures)
	}
	c.Since, c.Failures, o.unlogged = time.Time{}, 0, 0
}

// get returns the outage as it is.
func (o *outage) get() Outage {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.current
}

// outageText is an error on one line of bounded length.
func outageText(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > maxOutageText {
		text = strings.ToValidUTF8(text[:maxOutageText], "") + "..."
	}
	return text
}
