package database

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Unreachable says in a few words that no server answers, if that is what an error of a driver
// comes from; the driver's own text tells it once for every attempt. Any other error is returned as
// it is. The text names the port of the last attempt; the caller names the host as its user has.
func Unreachable(err error) error {
	reason := ""
	var dns *net.DNSError
	var number syscall.Errno
	var network net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &dns):
		return &FaultError{FaultNoHost, &unreachableError{text: fmt.Sprintf("no such host %s: is the name right?", dns.Name), err: err}}
	case errors.As(err, &number):
		reason = number.Error()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		reason = "no answer in time"
	default:
		return err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil {
		if _, port, split := net.SplitHostPort(op.Addr.String()); split == nil {
			reason = "port " + port + ": " + reason
		}
	}
	return &FaultError{FaultUnreachable, &unreachableError{text: reason + ": is it running?", err: err}}
}

type unreachableError struct {
	text string
	err  error
}

func (e *unreachableError) Error() string { return e.text }
func (e *unreachableError) Unwrap() error { return e.err }
