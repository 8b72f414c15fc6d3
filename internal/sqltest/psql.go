package sqltest

import (
	"errors"
	"os/exec"
	"testing"
)

// Psql is the path of PostgreSQL's own client. Where PostgreSQL is to be left out and there is
// none, the test is left out.
func Psql(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("psql")
	if err == nil {
		return path
	}
	if err = leaveOut("PostgreSQL"); err == nil {
		err = errors.New("there is no psql: install postgresql-client, or what brings psql beside the server")
	}
	end(t, err)
	return ""
}
