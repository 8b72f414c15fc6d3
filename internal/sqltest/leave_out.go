package sqltest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	// LeaveOut names the environment variable with the makes of servers, such as "PostgreSQL,MariaDB",
	// whose tests are left out. Nobody but the caller of the tests can ask for that: a server that
	// is missing is a failure otherwise.
	LeaveOut = "ARK_TEST_LEAVE_OUT"
	// LeftOut names the variable with the file to which each of those tests adds a line with its
	// package, itself and the make of server, because go test does not print what was skipped.
	LeftOut = "ARK_TEST_LEFT_OUT"
)

// leftOutError is returned in place of a server that tests are to do without.
type leftOutError struct{ server string }

func (e leftOutError) Error() string {
	return fmt.Sprintf("a %s server was to be left out, by %s", e.server, LeaveOut)
}

// leaveOut returns an error for a make of server that tests are to do without.
func leaveOut(server string) error {
	if slices.Contains(strings.Split(os.Getenv(LeaveOut), ","), server) {
		return leftOutError{server}
	}
	return nil
}

// end ends a test that has no server: it was left out if that was asked for, and has failed if not.
func end(t testing.TB, err error) {
	t.Helper()
	var left leftOutError
	if !errors.As(err, &left) {
		t.Fatal(err)
	}
	if err := record(t.Name(), left.server); err != nil {
		t.Fatal(err)
	}
	t.Skip(err)
}

func record(test, server string) error {
	file, err := os.OpenFile(os.Getenv(LeftOut), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note what was left out in the file that %s names: %w", LeftOut, err)
	}
	program := strings.TrimSuffix(filepath.Base(os.Args[0]), ".test")
	_, err = fmt.Fprintf(file, "%s %s %s\n", program, test, server)
	return errors.Join(err, file.Close())
}
