package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/clientfault"
)

// logging holds the destination and the level of the log. A process has one, because the Kubernetes
// libraries log to one destination. Their records and ours have the same format.
type logging struct {
	severity slog.Level
	// level is the minimum severity of the records.
	level slog.LevelVar
	// stopped returns an error once the server begins to stop.
	stopped atomic.Pointer[func() error]

	mu        sync.Mutex
	verbosity int
	klog      flag.FlagSet
}

// setUpLogging sends all records of at least the given severity to standard error.
func setUpLogging(o *options) (*logging, error) {
	l := &logging{}
	if err := l.severity.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level=%s: %w", o.logLevel, err)
	}
	klog.InitFlags(&l.klog)
	handlerOptions := &slog.HandlerOptions{Level: &l.level, ReplaceAttr: readable}
	var handler slog.Handler = slog.NewTextHandler(os.Stderr, handlerOptions)
	if o.logFormat == "json" {
		handler = slog.NewJSONHandler(os.Stderr, handlerOptions)
	}
	slog.SetDefault(slog.New(handler))
	clientfault.Register()
	libraries := slog.New(clientfault.Handler{Handler: libraryHandler{handler, l.stopping}})
	klog.SetSlogLogger(libraries)
	// Without this, klog logs a Warning as information.
	klog.SetLoggerWithOptions(klog.Background(), klog.ContextualLogger(true), klog.WriteKlogBuffer(func(line []byte) {
		severity, text := splitKlogLine(line)
		libraries.Log(context.Background(), severity, text)
	}))
	verbosity := o.verbosity
	if l.severity == slog.LevelDebug && verbosity == 0 {
		verbosity = 4
	}
	return l, l.apply(verbosity)
}

// until sets the context whose end stops the server.
func (l *logging) until(ctx context.Context) {
	err := ctx.Err
	l.stopped.Store(&err)
}

// stopping reports whether the server is stopping. It returns true before any other code has
// noticed the end of the context.
func (l *logging) stopping() bool {
	err := l.stopped.Load()
	return err != nil && (*err)() != nil
}

// splitKlogLine splits a line in klog's own format: "W0102 15:04:05.000000 123 file.go:1] text".
func splitKlogLine(line []byte) (slog.Level, string) {
	header, text, found := strings.Cut(strings.TrimSuffix(string(line), "\n"), "] ")
	if !found {
		return slog.LevelInfo, header
	}
	switch header[:min(1, len(header))] {
	case "W":
		return slog.LevelWarn, text
	case "E", "F":
		return slog.LevelError, text
	}
	return slog.LevelInfo, text
}

// libraryHandler lowers to details the records that the Kubernetes libraries log when their server
// stops: failed requests to it, ended watches, and leases that cannot be renewed. The server
// returns its own failures. Panics stay errors. A conflict of a controller with another writer is a
// detail too: controllers retry.
type libraryHandler struct {
	slog.Handler
	stopping func() bool
}

// observedPanic is the prefix of the libraries' messages about a panic.
const observedPanic = "Observed a panic"

// failedToDecrypt is both logged and returned: at the start, the returned error names the missing
// key.
const failedToDecrypt = "failed to decrypt data"

func (h libraryHandler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level > slog.LevelInfo && h.isDetail(r) {
		if r.Level = slog.LevelDebug; !h.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h libraryHandler) isDetail(r slog.Record) bool {
	return h.stopping() && !strings.HasPrefix(r.Message, observedPanic) || r.Message == failedToDecrypt || isConflict(r)
}

// isConflict reports whether a record is about an API error that an object has changed since it was
// read.
func isConflict(r slog.Record) bool {
	found := false
	r.Attrs(func(a slog.Attr) bool {
		err, ok := a.Value.Any().(error)
		found = ok && apierrors.IsConflict(err)
		return !found
	})
	return found
}

func (h libraryHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return libraryHandler{h.Handler.WithAttrs(attrs), h.stopping}
}

func (h libraryHandler) WithGroup(name string) slog.Handler {
	return libraryHandler{h.Handler.WithGroup(name), h.stopping}
}

// readable formats durations as 1.5ms, not as a number of nanoseconds. It formats all of klog's
// details, which are levels between and below slog's own, as DEBUG. It adds remedies to errors.
func readable(_ []string, a slog.Attr) slog.Attr {
	if err, ok := a.Value.Any().(error); ok {
		return slog.Any(a.Key, remedied(err))
	}
	if a.Value.Kind() == slog.KindDuration {
		return slog.String(a.Key, a.Value.Duration().String())
	}
	if level, ok := a.Value.Any().(slog.Level); ok && level < slog.LevelInfo {
		return slog.String(a.Key, slog.LevelDebug.String())
	}
	return a
}

// maxVerbosity is the highest verbosity that can be set while the server runs. Above it the
// Kubernetes libraries log what they send and receive, secrets included. A higher verbosity can be
// set only at the start of the server.
const maxVerbosity = 6

// setVerbosity changes the verbosity of the log while the server runs; 0 restores --log-level.
func (l *logging) setVerbosity(value string) error {
	v, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || v < 0 || v > maxVerbosity {
		return fmt.Errorf("%q will not do: use 0 to %d", value, maxVerbosity)
	}
	return l.apply(v)
}

// detail returns the verbosity that setVerbosity has set.
func (l *logging) detail() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.verbosity
}

// apply sets the verbosity. Above 0 the log has every record of at least info.
func (l *logging) apply(verbosity int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	severity := l.severity
	if verbosity > 0 {
		// Verbosity v is the slog level -v.
		severity = min(severity, slog.LevelInfo, slog.Level(-verbosity))
	}
	l.level.Set(severity)
	l.verbosity = verbosity
	if err := l.klog.Set("v", strconv.Itoa(verbosity)); err != nil {
		return fmt.Errorf("set up logging (v=%d): %w", verbosity, err)
	}
	return nil
}
