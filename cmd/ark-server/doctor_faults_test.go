package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/mckinsey/ark-server/internal/database"
)

// faultOf returns the one fault of the database that doctor finds. Other faults, such as of the
// test machine's disk, are ignored.
func faultOf(t *testing.T, flags ...string) diagnosis {
	t.Helper()
	var found []diagnosis
	for _, item := range newExamination(t, append([]string{"--secure-port=0", quietLimits}, flags...)) {
		if item.Name == "database" && !item.OK && !strings.HasPrefix(item.Fix, "change that setting") {
			found = append(found, item)
		}
	}
	if len(found) != 1 {
		t.Fatalf("want one fault of the database: %+v", found)
	}
	return found[0]
}

// TestDoctorOfDatabaseServers checks that each fault of a database server has a fix that can be
// typed, with the address and the names from the flags.
func TestDoctorOfDatabaseServers(t *testing.T) {
	clients := map[string]string{storagePostgres: "psql -h ", storageMySQL: "mysql "}
	fresh := map[string]func(testing.TB) database.Config{storagePostgres: postgresServer.Database, storageMySQL: mariadbServer.Database}
	for storage, client := range clients {
		t.Run(storage, func(t *testing.T) {
			cfg := fresh[storage](t)
			if cfg.DSNFile != "" {
				t.Skip("NOT CHECKED: the server is one that the environment names")
			}
			with := func(change func(*database.Config)) diagnosis {
				t.Helper()
				changed := cfg
				change(&changed)
				return faultOf(t, append(databaseFlags(storage, changed), "--data-dir="+t.TempDir())...)
			}
			wants := func(d diagnosis, message string, fix ...string) {
				t.Helper()
				wantTexts(t, d.Message, message)
				wantTexts(t, d.Fix, fix...)
			}
			wants(with(func(c *database.Config) { c.Host, c.Port = "127.0.0.1", 1 }), "refused", "systemctl start ", client, "127.0.0.1", "--db-port")
			wants(with(func(c *database.Config) { c.Host = "no..host" }), "no such host", "getent hosts no..host", "--db-host")
			wants(with(func(c *database.Config) { c.Name = "missing" }), "", client, "CREATE DATABASE ", "missing", "--db-name")
			wants(with(func(c *database.Config) { c.User = "stranger" }), "", client, "stranger", passwordVariable)

			command(t, 0, append([]string{"migrate", "up"}, databaseFlags(storage, cfg)...)...)
			user := "limited_" + cfg.Name
			makeUser(t, storage, cfg, user)
			wants(with(func(c *database.Config) { c.User = user }), "", client, "GRANT SELECT, INSERT, UPDATE, DELETE ON ", user)
		})
	}
}

// makeUser creates a user with only the privilege to log in.
func makeUser(t *testing.T, storage string, cfg database.Config, user string) {
	t.Helper()
	if storage == storagePostgres {
		conn, err := pgx.Connect(t.Context(), fmt.Sprintf("sslmode=disable user=%s host=%s port=%d dbname=%s", cfg.User, cfg.Host, cfg.Port, cfg.Name))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), fmt.Sprintf("CREATE ROLE %q LOGIN", user)); err != nil {
			t.Fatal(err)
		}
		return
	}
	db, err := sql.Open("mysql", fmt.Sprintf("%s@tcp(%s:%d)/", cfg.User, cfg.Host, cfg.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, host := range []string{"localhost", "%"} {
		if _, err := db.ExecContext(t.Context(), fmt.Sprintf("CREATE USER '%s'@'%s'", user, host)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDoctorOfFiles checks the same for each fault of an SQLite file.
func TestDoctorOfFiles(t *testing.T) {
	started := func(t *testing.T) (dir, file string) {
		dir = t.TempDir()
		t.Run("start", func(t *testing.T) { serveIn(t, "--data-dir="+dir, "--secure-port=0", quietLimits) })
		return dir, filepath.Join(dir, "ark.db")
	}
	t.Run("of a newer release", func(t *testing.T) {
		dir, file := started(t)
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.ExecContext(t.Context(), "PRAGMA user_version = 99")
		if closing := db.Close(); err != nil || closing != nil {
			t.Fatal(err, closing)
		}
		d := faultOf(t, "--data-dir="+dir)
		wantTexts(t, d.Message, "a newer ark-server")
		wantTexts(t, d.Fix, "install the release that wrote it", "ark-server --version", "--db-path")
	})
	t.Run("that is damaged", func(t *testing.T) {
		dir, file := started(t)
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte(strings.Repeat("garbage ", 4096)), 8192)
		if closing := f.Close(); err != nil || closing != nil {
			t.Fatal(err, closing)
		}
		d := faultOf(t, "--data-dir="+dir)
		wantTexts(t, d.Fix, "ark-server check --db-path="+file, "mv "+file+" "+file+".damaged", "ark-server restore --from=BACKUP --db-path="+file)
	})
	t.Run("of another program", func(t *testing.T) {
		dir := t.TempDir()
		file := manifest(t, dir, "ark.db", strings.Repeat("not a database\n", 1000))
		wantTexts(t, faultOf(t, "--db-path="+file, "--keys-dir="+filepath.Join(dir, "keys")).Fix, "mv "+file+" "+file+".other", "--db-path")
	})
	t.Run("that another server has open", func(t *testing.T) {
		dir, other := t.TempDir(), t.TempDir()
		t.Run("running", func(t *testing.T) {
			serveIn(t, "--data-dir="+dir, "--secure-port=0", quietLimits)
			file := filepath.Join(dir, "ark.db")
			d := faultOf(t, "--data-dir="+other, "--db-path="+file)
			wantTexts(t, d.Message, fmt.Sprintf("process %d has it open", os.Getpid()))
			wantTexts(t, d.Fix, "ps -o pid,user,args", file+".lock", "kill ")
		})
		for _, item := range newExamination(t, []string{"--data-dir=" + dir, "--secure-port=0", quietLimits}) {
			if item.Name == "database" && !item.OK {
				t.Errorf("after it: %+v", item)
			}
		}
	})
	t.Run("that cannot be written", func(t *testing.T) {
		e := &examination{options: newOptions()}
		e.storage, e.dbPath, e.dataDir = storageSQLite, "/data/it's/ark.db", ""
		for fault, want := range map[database.Fault][]string{
			database.FaultReadOnly: {`chown `, `'/data/it'\''s/ark.db'`, "chmod 0600", "mount -o remount,rw"},
			database.FaultFull:     {`du -xh '/data/it'\''s'`, "--db-path"},
		} {
			err := fmt.Errorf("--db-path: %w", &database.FaultError{Fault: fault, Err: os.ErrPermission})
			wantTexts(t, e.databaseFix(err), want...)
		}
	})
}
