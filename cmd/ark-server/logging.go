package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"

	"k8s.io/klog/v2"
)

// setUpLogging sends everything to standard error, from the given severity on.
func setUpLogging(o *options) error {
	level := o.logLevel
	if o.verbosity > 0 && level != "debug" {
		level = "info"
	}
	var severity slog.Level
	if err := severity.UnmarshalText([]byte(level)); err != nil {
		return fmt.Errorf("--log-level=%s: %w", level, err)
	}
	verbosity := o.verbosity
	if level == "debug" && verbosity == 0 {
		verbosity = 4
	}
	var fs flag.FlagSet
	klog.InitFlags(&fs)
	settings := map[string]string{"v": strconv.Itoa(verbosity)}

	handlerOptions := &slog.HandlerOptions{Level: severity}
	if o.logFormat == "json" {
		// A verbosity v is the slog level -v.
		handlerOptions.Level = min(severity, slog.Level(-verbosity))
		if verbosity == 0 {
			handlerOptions.Level = severity
		}
		logger := slog.New(slog.NewJSONHandler(os.Stderr, handlerOptions))
		slog.SetDefault(logger)
		klog.SetSlogLogger(logger)
	} else {
		slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, handlerOptions)))
		// klog filters by severity only on its way to a file and standard error
		// both; the file is nowhere.
		settings["logtostderr"] = "false"
		settings["alsologtostderr"] = "false"
		settings["stderrthreshold"] = map[string]string{"debug": "INFO", "info": "INFO", "warn": "WARNING", "error": "ERROR"}[level]
		klog.SetOutput(io.Discard)
	}
	for name, value := range settings {
		if err := fs.Set(name, value); err != nil {
			return fmt.Errorf("set up logging (%s=%s): %w", name, value, err)
		}
	}
	return nil
}
