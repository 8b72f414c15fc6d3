package sqltest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/database"
)

// TestLeaveOut: a test whose server is to be left out is skipped and recorded; without the request
// a server that is missing fails the test.
func TestLeaveOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "left-out")
	t.Setenv(LeaveOut, "PostgreSQL,MariaDB,PgBouncer")
	t.Setenv(LeftOut, file)
	t.Setenv(MySQLProgram, "") // another server in MariaDB's place is not left out
	for name, use := range map[string]func(t *testing.T){
		"shared PostgreSQL": func(t *testing.T) { new(Postgres).Database(t) },
		"shared MariaDB":    func(t *testing.T) { new(MySQL).Database(t) },
		"own":               func(t *testing.T) { Own(t, StartPostgres, Options{}) },
		"pooler":            func(t *testing.T) { StartPgBouncer(t, &database.Config{}) },
	} {
		t.Run(name, func(t *testing.T) {
			// Skip and Fatal leave the goroutine, so that what is below runs in any case.
			defer func() {
				if !t.Skipped() {
					t.Error("not left out")
				}
			}()
			use(t)
		})
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sqltest TestLeaveOut/own PostgreSQL\n", "sqltest TestLeaveOut/pooler PgBouncer\n", "sqltest TestLeaveOut/shared_MariaDB MariaDB\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q does not name %q", text, want)
		}
	}
	t.Setenv(LeaveOut, "")
	if err := leaveOut("PostgreSQL"); err != nil {
		t.Errorf("left out although nobody asked for it: %v", err)
	}
}
