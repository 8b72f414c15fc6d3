package sqlquery

import (
	"context"
	"database/sql"
	"errors"
	"reflect"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// handleOf returns SQLite's handle of a connection. The driver has no function to interrupt a
// connection, so it is read from the driver's own structure.
func handleOf(conn *sql.Conn) (handle uintptr, err error) {
	err = conn.Raw(func(c any) error {
		field := reflect.Indirect(reflect.ValueOf(c)).FieldByName("db")
		if field.Kind() != reflect.Uintptr || field.Uint() == 0 {
			return errors.New("the driver's connection has another structure: a statement could not be interrupted")
		}
		handle = uintptr(field.Uint())
		return nil
	})
	return handle, err
}

// interruptAt interrupts what a connection runs when a context ends, until the function that it
// returns is called, which waits. The driver does so only until there is the first row: a statement
// without a second one would run for ever.
func interruptAt(ctx context.Context, handle uintptr) (stop func()) {
	finished, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
			// A thread of its own: the connection's is in use. The interrupt holds until the statement ends.
			thread := libc.NewTLS()
			sqlite3.Xsqlite3_interrupt(thread, handle)
			thread.Close()
		case <-finished:
		}
	}()
	return func() { close(finished); <-watched }
}
