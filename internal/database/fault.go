package database

// Fault is why a database cannot be used, where the program knows what its user can do.
type Fault int

const (
	// FaultUnreachable: no server answers at the address.
	FaultUnreachable Fault = iota + 1
	// FaultNoHost: the name of the host has no address.
	FaultNoHost
	// FaultCredentials: the server refuses the user or the password.
	FaultCredentials
	// FaultNoDatabase: the server has no database of that name.
	FaultNoDatabase
	// FaultNoRights: the user lacks a right on the database or its tables.
	FaultNoRights
	// FaultReadOnly: the server takes no writes, or the file cannot be written.
	FaultReadOnly
	// FaultFull: the disk is full.
	FaultFull
	// FaultForeign: what is there is not a database of ours.
	FaultForeign
	// FaultCorrupt: the file is damaged.
	FaultCorrupt
	// FaultNewer: a newer release has migrated the database.
	FaultNewer
	// FaultHeld: another process has the file open.
	FaultHeld
)

// FaultError is an error with its kind. Its text is that of Err, which says what is wrong.
type FaultError struct {
	Fault Fault
	Err   error
}

func (e *FaultError) Error() string { return e.Err.Error() }

// Unwrap returns the error.
func (e *FaultError) Unwrap() error { return e.Err }
