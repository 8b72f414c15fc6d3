package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"

	"k8s.io/klog/v2"
)

// logging is where the process logs to, and what. There is one in a process, because
// the Kubernetes libraries log to one place.
type logging struct {
	severity slog.Level
	json     bool
	// level is the least severity of slog's records.
	level slog.LevelVar

	mu        sync.Mutex
	verbosity int
	klog      flag.FlagSet
}

// setUpLogging sends everything to standard error, from the given severity on.
func setUpLogging(o *options) (*logging, error) {
	l := &logging{json: o.logFormat == "json"}
	if err := l.severity.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level=%s: %w", o.logLevel, err)
	}
	klog.InitFlags(&l.klog)
	handlerOptions := &slog.HandlerOptions{Level: &l.level}
	if l.json {
		handlerOptions.ReplaceAttr = readable
		logger := slog.New(slog.NewJSONHandler(os.Stderr, handlerOptions))
		slog.SetDefault(logger)
		klog.SetSlogLogger(logger)
	} else {
		slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, handlerOptions)))
		// klog filters by severity only on its way to a file and standard error
		// both; the file is nowhere.
		if err := l.set(map[string]string{"logtostderr": "false", "alsologtostderr": "false"}); err != nil {
			return nil, err
		}
		klog.SetOutput(io.Discard)
	}
	verbosity := o.verbosity
	if l.severity == slog.LevelDebug && verbosity == 0 {
		verbosity = 4
	}
	return l, l.apply(verbosity)
}

// readable writes durations as 1.5ms, not as a number of nanoseconds, and all of klog's
// details, which are levels between and below slog's own, as DEBUG.
func readable(_ []string, a slog.Attr) slog.Attr {
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
	settings := map[string]string{"v": strconv.Itoa(verbosity)}
	if !l.json {
		threshold := "INFO"
		switch {
		case severity >= slog.LevelError:
			threshold = "ERROR"
		case severity >= slog.LevelWarn:
			threshold = "WARNING"
		}
		settings["stderrthreshold"] = threshold
	}
	return l.set(settings)
}

func (l *logging) set(settings map[string]string) error {
	for name, value := range settings {
		if err := l.klog.Set(name, value); err != nil {
			return fmt.Errorf("set up logging (%s=%s): %w", name, value, err)
		}
	}
	return nil
}
