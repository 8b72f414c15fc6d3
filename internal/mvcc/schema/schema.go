package schema

import (
	"context"
	"errors"
	"fmt"

	"github.com/mckinsey/ark-server/internal/database"
)

// Migration leads from one schema version to the next. Once released it never changes.
type Migration struct {
	Title string
	// Demands is the lowest version that a program must know to use the result.
	Demands int
	SQL     string
}

// Schema is what an engine works with.
type Schema struct {
	Migrations []Migration
	// Who may migrate where the server's own user may not, and Grant what that user then needs.
	Who, Grant string
}

// Session is one with the database. Its methods are called one at a time.
type Session interface {
	// Version reads how many migrations the database has had, and what they demand.
	Version(ctx context.Context) (version, demands int, err error)
	// Begin waits until no other session migrates, and keeps others from it until End, whose err is
	// that of the migration.
	Begin(ctx context.Context) error
	End(ctx context.Context, err error) error
	// Create makes an empty database one that records versions. It refuses another program's.
	Create(ctx context.Context) error
	// Apply carries out a migration, which leads to the version.
	Apply(ctx context.Context, version int, m Migration) error
	// Record notes that it has been.
	Record(ctx context.Context, version int, m Migration) error
	// Denied reports whether an error says that the user may not migrate.
	Denied(err error) bool
}

// Status compares the schema of a database with this program's. Its error is that of
// SchemaStatus.Check where this program must not use the database.
func (s Schema) Status(ctx context.Context, session Session) (database.SchemaStatus, error) {
	st := database.SchemaStatus{Known: len(s.Migrations)}
	var err error
	if st.Version, st.Demands, err = session.Version(ctx); err != nil {
		return st, err
	}
	for _, m := range s.Migrations[min(st.Version, st.Known):] {
		st.Pending = append(st.Pending, m.Title)
	}
	return st, st.Check()
}

// Migrate leads the database to the newest schema that this program knows, and returns what there
// was before. Several may run at a time.
func (s Schema) Migrate(ctx context.Context, session Session) (before database.SchemaStatus, err error) {
	if before, err = s.Status(ctx, session); err != nil || len(before.Pending) == 0 {
		return before, err
	}
	if err := session.Begin(ctx); err != nil {
		return before, fmt.Errorf("wait for another migration: %w", err)
	}
	defer func() {
		if err = session.End(ctx, err); err != nil && session.Denied(err) {
			err = errors.Join(s.byHand("the user may not migrate the database"), err)
		}
	}()
	// Somebody else may have done it meanwhile.
	if before, err = s.Status(ctx, session); err != nil || len(before.Pending) == 0 {
		return before, err
	}
	if before.Version == 0 {
		if err := session.Create(ctx); err != nil {
			return before, fmt.Errorf("prepare the database to record its schema version: %w", err)
		}
	}
	for i, m := range s.Migrations[before.Version:] {
		version := before.Version + i + 1
		if err := session.Apply(ctx, version, m); err != nil {
			return before, fmt.Errorf("migrate to schema version %d (%s): %w", version, m.Title, err)
		}
		if err := session.Record(ctx, version, m); err != nil {
			return before, fmt.Errorf("record schema version %d: %w", version, err)
		}
	}
	return before, nil
}

// Ensure is Migrate where the program may migrate. Otherwise a database that has to be migrated is
// an error, which says what to run.
func (s Schema) Ensure(ctx context.Context, session Session, mayMigrate bool) (before database.SchemaStatus, err error) {
	if mayMigrate {
		return s.Migrate(ctx, session)
	}
	before, err = s.Status(ctx, session)
	if err == nil && len(before.Pending) > 0 {
		err = s.byHand(fmt.Sprintf("the database has schema version %d, version %d is needed", before.Version, before.Known))
	}
	return before, err
}

// byHand says that somebody else has to migrate.
func (s Schema) byHand(problem string) error {
	return &database.MigrationError{Problem: problem, As: s.Who, Grant: s.Grant}
}

// Foreign is the error of a session whose database has had no migration, but has a table with a
// name of ours.
func Foreign(table string) error {
	return &database.FaultError{Fault: database.FaultForeign, Err: fmt.Errorf("the database has a table %s but no ark_schema, so it is not ours: name another database or schema", table)}
}
