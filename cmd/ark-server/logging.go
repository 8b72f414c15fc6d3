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

// logging is where the process logs to, and what. There is one in a process, because
// the Kubernetes libraries log to one place. Their records and ours have one format.
type logging struct {
	severity slog.Level
	// level is the least severity of the records.
	level slog.LevelVar
	// stopped returns an error from when the server begins to stop.
	stopped atomic.Pointer[func() error]

	mu        sync.Mutex
	verbosity int
	klog      flag.FlagSet
}

// setUpLogging sends everything to standard error, from the given severity on.
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
	// Without this klog makes information of a Warning.
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

// until has the end of a context be that of the server.
func (l *logging) until(ctx context.Context) {
	err := ctx.Err
	l.stopped.Store(&err)
}

// stopping reports whether the server stops. It is true before anything notices that the context
// has ended.
func (l *logging) stopping() bool {
	err := l.stopped.Load()
	return err != nil && (*err)() != nil
}

// splitKlogLine takes a line of klog's own format apart: "W0102 15:04:05.000000 123 file.go:1]
// text".
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

// libraryHandler makes details of what the Kubernetes libraries say of the end of the server
// that they work for: that their requests to it fail, that its watches end, that a lease can
// not be renewed. What the server itself fails at is returned by it. Panics stay errors.
// A conflict of a controller with another writer is a detail too: controllers try again.
type libraryHandler struct {
	slog.Handler
	stopping func() bool
}

// observedPanic begins the messages of the libraries about a panic.
const observedPanic = "Observed a panic"

// failedToDecrypt is logged and returned: at the start the returned error says which key is
// missing.
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

// isConflict reports whether a record is of an error of the API's, that an object has changed since
// it was read.
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

// readable writes durations as 1.5ms, not as a number of nanoseconds, and all of klog's
// details, which are levels between and below slog's own, as DEBUG. Errors get their remedies.
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

// maxVerbosity is the most detail that can be asked for while the server runs. Beyond it the
// Kubernetes libraries log what they send and receive, secrets included; who wants that
// has to be able to start the server with it.
const maxVerbosity = 6

// setVerbosity changes the detail of the log while the server runs; 0 is back to
// --log-level.
func (l *logging) setVerbosity(value string) error {
	v, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil || v < 0 || v > maxVerbosity {
		return fmt.Errorf("%q will not do: use 0 to %d", value, maxVerbosity)
	}
	return l.apply(v)
}

// detail is what setVerbosity has set.
func (l *logging) detail() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.verbosity
}

// apply sets the detail. Above 0 it shows everything from info on.
func (l *logging) apply(verbosity int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	severity := l.severity
	if verbosity > 0 {
		// A verbosity v is the slog level -v.
		severity = min(severity, slog.LevelInfo, slog.Level(-verbosity))
	}
	l.level.Set(severity)
	l.verbosity = verbosity
	if err := l.klog.Set("v", strconv.Itoa(verbosity)); err != nil {
		return fmt.Errorf("set up logging (v=%d): %w", verbosity, err)
	}
	return nil
}
