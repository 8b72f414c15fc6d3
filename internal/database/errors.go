package database

import "fmt"

// Engines return these errors where a setting of this program is a remedy: they say what is wrong,
// and what can be done at the server, and leave it to the program to name its setting.

// Limit is a limit of this program's that may be lowered.
type Limit int

const (
	// LimitConnections is Config.MaxConnections.
	LimitConnections Limit = iota
	// LimitValue is the greatest size of a value.
	LimitValue
)

// LimitError says that the server allows less than this program asks for.
type LimitError struct {
	Limit Limit
	// Problem is what the server allows, and how to have it allow more.
	Problem string
	// Least is how low the limit may be, 0 for no such bound.
	Least int
}

func (e *LimitError) Error() string { return e.Problem }

// BusyError says that the server has no connection to spare.
type BusyError struct{ Err error }

func (e *BusyError) Error() string {
	return fmt.Sprintf("the server has no connection to spare: raise its max_connections, or lower the number of replicas or that of their connections: %v", e.Err)
}

// Unwrap returns the driver's error.
func (e *BusyError) Unwrap() error { return e.Err }

// TLSError says that the server cannot be reached in the way that Config.TLS demands.
type TLSError struct {
	// Certificate says that the server's certificate is not accepted. Otherwise the server offers no
	// TLS.
	Certificate bool
	Err         error
}

func (e *TLSError) Error() string {
	if e.Certificate {
		return fmt.Sprintf("the server's certificate is not accepted: name its authority, and the host as the certificate does: %v", e.Err)
	}
	return fmt.Sprintf("the server offers no TLS: enable it there, or do without on a network that you trust: %v", e.Err)
}

// Unwrap returns the driver's error.
func (e *TLSError) Unwrap() error { return e.Err }

// MigrationError says that the schema is to be migrated by somebody else.
type MigrationError struct {
	// Problem is why.
	Problem string
	// As is who may do it, and Grant what is to be granted to the server's user then.
	As, Grant string
}

func (e *MigrationError) Error() string {
	return fmt.Sprintf("%s: migrate it as %s, then %s", e.Problem, e.As, e.Grant)
}
