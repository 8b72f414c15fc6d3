package main

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/internal/standalone"
)

// doctorSays runs doctor -o json, checks its exit code, and returns its items.
func doctorSays(t *testing.T, code int, args ...string) []diagnosis {
	t.Helper()
	var report struct {
		OK    bool
		Items []diagnosis
	}
	text := command(t, code, append([]string{"doctor", "-o", "json"}, args...)...)
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&report); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if report.OK != (code == 0) {
		t.Errorf("ok is %t with exit code %d", report.OK, code)
	}
	for _, item := range report.Items {
		if item.OK == (item.Fix != "") {
			t.Errorf("a fault without a fix, or a fix without a fault: %+v", item)
		}
	}
	return report.Items
}

// quietLimits makes the tests independent of the machine's limit of open files.
const quietLimits = "--max-connections=100"

// wantFault checks that there is one item with the given name that is not ok, with these texts.
func wantFault(t *testing.T, items []diagnosis, name string, want ...string) {
	t.Helper()
	var faults []diagnosis
	for _, item := range items {
		if !item.OK && item.Name != "disk" { // the machine's may be full
			faults = append(faults, item)
		}
	}
	if len(faults) != 1 || faults[0].Name != name {
		t.Fatalf("want one fault of %s: %+v", name, faults)
	}
	wantTexts(t, faults[0].Message+"\n"+faults[0].Fix, want...)
}

// TestDoctorOfTheHealthy checks that there are no faults before the first start, while the server
// runs and after it, on each database.
func TestDoctorOfTheHealthy(t *testing.T) {
	for storage, flags := range storages(t) {
		t.Run(storage, func(t *testing.T) {
			flags := append([]string{"--data-dir=" + filepath.Join(t.TempDir(), "state"), "--secure-port=0", quietLimits}, flags...)
			healthy := func(when string) {
				t.Helper()
				seen := map[string]bool{}
				for _, item := range newExamination(t, flags) {
					seen[item.Name] = true
					// A server that a distribution has set up may lack checksums, or be tuned for tests. The
					// machine's disk may be full.
					if !item.OK && item.Name != "disk" && !strings.HasPrefix(item.Fix, "change that setting") {
						t.Errorf("%s: %+v", when, item)
					}
				}
				for _, name := range []string{"settings", "server", "files", "disk", "clock", "database", "certificates", "ports", "open files"} {
					if !seen[name] {
						t.Errorf("%s: nothing is said of %s", when, name)
					}
				}
			}
			healthy("before")
			t.Run("running", func(t *testing.T) {
				serveIn(t, flags...)
				healthy("running")
			})
			healthy("after")
		})
	}
}

// newExamination runs doctor and ignores its exit code.
func newExamination(t *testing.T, flags []string) []diagnosis {
	t.Helper()
	var report struct{ Items []diagnosis }
	out, code := outputOf(t, append([]string{"doctor", "-o", "json"}, flags...)...)
	if err := json.Unmarshal([]byte(out), &report); err != nil || code > 1 {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	return report.Items
}

// TestDoctorOfTheSick checks that each kind of fault is found and named, and has its fix.
func TestDoctorOfTheSick(t *testing.T) {
	started := func(t *testing.T) (dir string, flags []string) {
		dir = t.TempDir()
		flags = []string{"--data-dir=" + dir, "--secure-port=0", quietLimits}
		t.Run("start", func(t *testing.T) { serveIn(t, flags...) })
		return dir, flags
	}
	t.Run("settings", func(t *testing.T) {
		wantFault(t, doctorSays(t, 1, "--storage=oracle"), "settings", "--storage=oracle", "config print")
	})
	t.Run("rights", func(t *testing.T) {
		dir, flags := started(t)
		if err := os.Chmod(filepath.Join(dir, "ark.db"), 0o644); err != nil {
			t.Fatal(err)
		}
		wantFault(t, doctorSays(t, 1, flags...), "files", "mode 0644", "chmod 0600 "+filepath.Join(dir, "ark.db"))
	})
	t.Run("a folder for everybody", func(t *testing.T) {
		dir, flags := started(t)
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		wantFault(t, doctorSays(t, 1, flags...), "files", dir+" can be written by every user", "chmod o-w "+dir)
	})
	t.Run("an address of another machine", func(t *testing.T) {
		e := &examination{options: newOptions()}
		e.bindAddress = "192.0.2.1"
		e.ports() // alone: a server would be asked for there, and time would pass until it does not answer
		wantFault(t, e.items, "ports", "--bind-address=192.0.2.1", "no such address", "name an address of this machine")
	})
	t.Run("a certificate that is missing", func(t *testing.T) {
		items := doctorSays(t, 1, "--data-dir="+t.TempDir(), "--secure-port=0", quietLimits, "--tls-cert-file=none", "--tls-private-key-file=none")
		for _, item := range items {
			if !item.OK && item.Name != "files" && item.Name != "disk" {
				t.Errorf("%+v", item)
			}
		}
	})
	t.Run("a file that is missing", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "tracing.yaml")
		wantFault(t, doctorSays(t, 1, "--data-dir="+t.TempDir(), "--secure-port=0", quietLimits, "--tracing-config-file="+file), "files", "--tracing-config-file", file)
	})
	t.Run("writes that are missing", func(t *testing.T) {
		dir, flags := started(t)
		if err := errors.Join(os.Remove(filepath.Join(dir, "ark.db")), os.RemoveAll(filepath.Join(dir, "ark.db-wal"))); err != nil {
			t.Fatal(err)
		}
		wantFault(t, doctorSays(t, 1, flags...), "database", "acknowledged writes are missing", "--accept-data-loss=")
	})
	t.Run("no database", func(t *testing.T) {
		dir := t.TempDir()
		text := manifest(t, dir, "ark.db", strings.Repeat("not a database\n", 1000))
		wantFault(t, doctorSays(t, 1, "--db-path="+text, "--secure-port=0", quietLimits), "database", "not an SQLite database")
	})
	t.Run("no database server", func(t *testing.T) {
		items := doctorSays(t, 1, "--data-dir="+t.TempDir(), "--secure-port=0", quietLimits, "--storage=mysql", "--db-host=127.0.0.1", "--db-port=1", "--db-name=a", "--db-user=a")
		wantFault(t, items, "database", "refused", "--db-host=127.0.0.1")
	})
	t.Run("the port", func(t *testing.T) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		go func() {
			for {
				conn, err := taken.Accept()
				if err != nil {
					return
				}
				_ = conn.Close() // it is another program
			}
		}()
		port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
		wantFault(t, doctorSays(t, 1, "--data-dir="+t.TempDir(), quietLimits, "--secure-port="+port), "ports", "another program listens on 127.0.0.1:"+port)
	})
	t.Run("the clock", func(t *testing.T) {
		dir, flags := started(t)
		future := time.Now().Add(time.Hour)
		if err := os.Chtimes(filepath.Join(dir, "ark.db"), future, future); err != nil {
			t.Fatal(err)
		}
		wantFault(t, doctorSays(t, 1, flags...), "clock", filepath.Join(dir, "ark.db"), "timedatectl")
	})
	t.Run("the certificate", func(t *testing.T) {
		dir, flags := started(t)
		keys := filepath.Join(dir, "old.keys")
		long := func() time.Time { return time.Now().AddDate(0, 0, -360) } // when it was made
		if _, err := standalone.OpenKeys(keys, []string{"localhost"}, long); err != nil {
			t.Fatal(err)
		}
		wantFault(t, doctorSays(t, 1, append(flags, "--keys-dir="+keys, "--db-path="+filepath.Join(dir, "new.db"))...), "certificates", "the serving certificate", "expires at")
	})
	t.Run("open files", func(t *testing.T) {
		wantFault(t, doctorSays(t, 1, "--data-dir="+t.TempDir(), "--secure-port=0", "--max-connections=2000000000"), "open files", "--max-connections=2000000000", "LimitNOFILE")
	})
}
