package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// The servers that the tests of this package share.
var (
	postgresServer sqltest.Postgres
	mariadbServer  sqltest.MySQL
)

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
	}
	if dir := os.Getenv(asStranger); dir != "" {
		beStranger(dir)
	}
	code := m.Run()
	postgresServer.Stop()
	mariadbServer.Stop()
	os.Exit(code)
}

// command runs ark-server and returns what it printed.
func command(t *testing.T, code int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if got := run(context.Background(), args, &out, &out); got != code {
		t.Errorf("ark-server %s: exit code %d, want %d: %s", strings.Join(args, " "), got, code, out.String())
	}
	return out.String()
}

// databaseFlags returns the flags of a database.
func databaseFlags(storage string, cfg database.Config) []string {
	flags := []string{"--storage=" + storage, "--db-wait=0"}
	if cfg.DSNFile != "" {
		return append(flags, "--db-dsn-file="+cfg.DSNFile)
	}
	return append(flags, "--db-host="+cfg.Host, fmt.Sprintf("--db-port=%d", cfg.Port), "--db-name="+cfg.Name, "--db-user="+cfg.User)
}

// TestDatabaseCommands checks manual migrations, a start without the permission to migrate, and the
// step after a restore, on both servers.
func TestDatabaseCommands(t *testing.T) {
	for storage, fresh := range map[string]func(testing.TB) database.Config{
		storagePostgres: postgresServer.Database, storageMySQL: mariadbServer.Database,
	} {
		t.Run(storage, func(t *testing.T) {
			flags := databaseFlags(storage, fresh(t))
			with := func(args ...string) []string { return append(args, flags...) }
			says := func(out string, want ...string) {
				t.Helper()
				for _, w := range want {
					if !strings.Contains(out, w) {
						t.Errorf("%q does not say %q", out, w)
					}
				}
			}
			says(command(t, 0, with("migrate", "status")...), "schema version 0", "due: 1")
			dir := t.TempDir()
			says(command(t, 1, with("serve", "--db-migrate=false", "--secure-port=0", "--kubeconfig-out="+filepath.Join(dir, "k"), "--keys-dir="+filepath.Join(dir, "keys"))...),
				"ark-server migrate up")
			says(command(t, 0, with("migrate", "up")...), "done: 1")
			says(command(t, 0, with("migrate", "up")...), "nothing was due")
			says(command(t, 0, with("migrate", "status")...), "nothing is due")
			says(command(t, 0, with("restore", "--bump-revision=1000")...), "after revision 1001")
			says(command(t, 0, with("restore", "--bump-revision")...), "after revision 1000001001")
			says(command(t, 2, "migrate", "status"), "--storage=postgresql")
			says(command(t, 2, "migrate"), "migrate status", "migrate up")
		})
	}
}

// TestUnreachableServer checks that the error names the flag and the cause, and no password.
func TestUnreachableServer(t *testing.T) {
	t.Setenv(passwordVariable, "hush-hush")
	for _, storage := range []string{storagePostgres, storageMySQL} {
		dir := t.TempDir()
		out := command(t, 1, "serve", "--storage="+storage, "--db-wait=0", "--db-host=127.0.0.1", "--db-port=1", "--db-name=ark", "--db-user=ark",
			"--secure-port=0", "--kubeconfig-out="+filepath.Join(dir, "k"), "--keys-dir="+filepath.Join(dir, "keys"))
		if !strings.Contains(out, "--db-host=127.0.0.1") || !strings.Contains(out, "refused") {
			t.Errorf("%s: %q names neither flag nor cause", storage, out)
		}
		if line := strings.TrimSuffix(out, "\n"); strings.Contains(line, "\n") || len(line) > helpWidth || !strings.Contains(line, "is it running?") {
			t.Errorf("%s: %q is no line that fits a terminal and says what to look at", storage, out)
		}
		if strings.Contains(out, "hush") {
			t.Errorf("%s: %q tells the password", storage, out)
		}
	}
}
