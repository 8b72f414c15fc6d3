package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/database"
)

// statusOf runs status -o json, and checks its exit code.
func statusOf(t *testing.T, code int, args ...string) (r statusReport, text string) {
	t.Helper()
	text = command(t, code, append([]string{"status", "-o", "json"}, args...)...)
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&r); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return r, text
}

// storages returns the flags of a new database of each kind.
func storages(t *testing.T) map[string][]string {
	all := map[string][]string{storageSQLite: nil}
	for storage, fresh := range map[string]func(testing.TB) database.Config{storagePostgres: postgresServer.Database, storageMySQL: mariadbServer.Database} {
		all[storage] = databaseFlags(storage, fresh(t))
	}
	return all
}

// TestStatus checks the status before the first start, while the server runs and after it, on each
// database, and that it contains no secret.
func TestStatus(t *testing.T) {
	for storage, flags := range storages(t) {
		t.Run(storage, func(t *testing.T) {
			dir := t.TempDir()
			flags := append([]string{"--data-dir=" + dir, "--secure-port=0"}, flags...)
			if r, _ := statusOf(t, 1, flags...); r.Running || r.Ready || r.Problem == "" || r.Storage.Revision != 0 || r.Storage.Problem != "" {
				t.Errorf("before the first start: %+v", r)
			}
			var token string
			t.Run("running", func(t *testing.T) {
				serveIn(t, flags...)
				r, text := statusOf(t, 0, flags...)
				if !r.Running || !r.Ready || r.PID != os.Getpid() || r.Version == "" || r.Mode != modeStandalone || r.Storage.Kind != storage ||
					r.Storage.Revision < 2 || r.Storage.Bytes < 10_000 || r.Storage.Product == "" || r.Storage.Keys == 0 || r.Started == nil || r.Storage.Problem != "" {
					t.Errorf("while it runs: %s", text)
				}
				token = tokenIn(readFile(t, r.Kubeconfig))
				out := command(t, 0, append([]string{"status"}, flags...)...)
				wantTexts(t, out, "server      ready, process", "https://127.0.0.1:", r.Storage.Product, "kubeconfig  "+dir)
				if token == "" || strings.Contains(text+out, token) {
					t.Errorf("the token %q is in %s%s", token, text, out)
				}
				if storage == storageSQLite {
					wantTexts(t, out, "backup      none is known")
					command(t, 0, "backup", "--data-dir="+dir, "--to="+filepath.Join(dir, "b.db"))
					if r, _ := statusOf(t, 0, flags...); r.LastBackup == nil || r.LastBackup.File != filepath.Join(dir, "b.db") || r.LastBackup.Revision < 2 {
						t.Errorf("after a backup: %+v", r.LastBackup)
					}
				}
			})
			r, text := statusOf(t, 1, flags...)
			if r.Running || r.Ready || r.Storage.Revision < 2 || r.Storage.Product == "" || r.Storage.Problem != "" {
				t.Errorf("after it: %s", text)
			}
			wantTexts(t, command(t, 1, append([]string{"status"}, flags...)...), "does not run", r.Storage.Product)
		})
	}
}

func TestStatusFaults(t *testing.T) {
	dir := t.TempDir()
	checkFailure(t, []string{"status", "-o", "xml"}, 2, []string{"--output=xml"})
	checkFailure(t, []string{"status", "--storage=oracle"}, 2, []string{"--storage=oracle"})
	text := manifest(t, dir, "ark.db", strings.Repeat("not a database\n", 1000))
	r, _ := statusOf(t, 1, "--db-path="+text, "--secure-port=1")
	if !strings.Contains(r.Storage.Problem, "not an SQLite database") || !strings.Contains(r.Problem, "refused") {
		t.Errorf("%+v", r)
	}
}
