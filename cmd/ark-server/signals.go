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

// signalError is the cause of a context that a signal has cancelled.
type signalError struct{ signal syscall.Signal }

func (e signalError) Error() string { return fmt.Sprintf("stopped by a signal (%s)", e.signal) }

// code returns the exit code that shells assign to a process that was ended by a signal.
func (e signalError) code() int { return 128 + int(e.signal) }

// untilSignal cancels the context at the first SIGINT or SIGTERM. The second signal ends the
// process. This is safe: the store survives it like a crash, and files are replaced atomically.
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

// interrupted returns the signal that ended a command before it was done, if there was one.
func interrupted(ctx context.Context, err error) (signalError, bool) {
	var s signalError
	return s, err != nil && errors.As(context.Cause(ctx), &s)
}
