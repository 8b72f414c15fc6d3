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

// interruptAt interrupts the statement of a connection when a context ends, until the returned
// function is called, which waits. The driver itself interrupts only until the first row: a
// statement without a second row would run forever.
func interruptAt(ctx context.Context, handle uintptr) (stop func()) {
	finished, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
			// The interrupt needs its own thread, because the connection's is in use. It applies until the
			// statement ends.
			thread := libc.NewTLS()
			sqlite3.Xsqlite3_interrupt(thread, handle)
			thread.Close()
		case <-finished:
		}
	}()
	return func() { close(finished); <-watched }
}
