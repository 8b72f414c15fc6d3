package database

import "fmt"

// SchemaStatus compares the schema of a database with the one that this program
// knows.
type SchemaStatus struct {
	// Version is the database's: how many migrations it has had. 0 is an empty one.
	Version int
	// Known is the version that this program would lead it to.
	Known int
	// Demands is the lowest Known of a program that may use the database as it is. It
	// lags behind Version where a newer program has migrated in a way that its
	// predecessors can live with, so that replicas are replaced one at a time.
	Demands int
	// Pending says in a few words each what the migrations to come do, in order.
	Pending []string
}

// Check says why this program must not use the database, whatever it migrates.
func (s SchemaStatus) Check() error {
	if s.Demands <= s.Known {
		return nil
	}
	return &FaultError{FaultNewer, fmt.Errorf("a newer ark-server has migrated the database (schema version %d, usable from %d on, this one knows up to %d): run that release or a later one, or name another database",
		s.Version, s.Demands, s.Known)}
}
