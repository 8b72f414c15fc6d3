package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// signalError is the cause of a context that a signal has ended.
type signalError struct{ signal syscall.Signal }

func (e signalError) Error() string { return fmt.Sprintf("stopped by a signal (%s)", e.signal) }

// code is the exit code that shells give to a process that a signal ended.
func (e signalError) code() int { return 128 + int(e.signal) }

// untilSignal ends the context at the first SIGINT or SIGTERM. The second one ends the
// process: the store survives that as it survives a crash, and files are replaced in one
// step.
func untilSignal(ctx context.Context, stderr io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	next := func() (signalError, bool) {
		select {
		case s := <-signals:
			number, _ := s.(syscall.Signal)
			return signalError{number}, true
		case <-done:
			return signalError{}, false
		}
	}
	go func() {
		first, ok := next()
		if !ok {
			return
		}
		cancel(first)
		if second, ok := next(); ok {
			fmt.Fprintln(stderr, "ark-server: stopped at once, by a second signal")
			os.Exit(second.code())
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// interrupted returns the signal that has ended a command before it was done, if one has.
func interrupted(ctx context.Context, err error) (signalError, bool) {
	var s signalError
	return s, err != nil && errors.As(context.Cause(ctx), &s)
}
