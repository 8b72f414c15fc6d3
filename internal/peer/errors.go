package peer

import (
	"errors"
	"fmt"
)

var (
	// ErrGone: the member called is none any more. What it had begun is for others to take up.
	ErrGone = errors.New("the replica is no longer there")
	// ErrClosed: this replica has left, or lost its lease and not joined again yet.
	ErrClosed = errors.New("this replica does not take part at the moment")
	// ErrTooLarge: a message exceeds MaxMessage.
	ErrTooLarge = fmt.Errorf("a message between replicas is larger than %d MiB", MaxMessage>>20)
	// ErrUnknownMethod: the member does not handle the method; its release may be another one.
	ErrUnknownMethod = errors.New("the replica does not know the method")
)

// Error says which member could not be called, or failed to answer. It wraps one of the errors
// above, a *RemoteError, or what became of the connection.
type Error struct {
	Member Member
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("replica %s at %s: %v", e.Member.ID, e.Member.Address, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// RemoteError is what the member's handler returned.
type RemoteError struct{ Message string }

func (e *RemoteError) Error() string { return e.Message }
