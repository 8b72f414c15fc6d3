package crash

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

var (
	crashes = flag.Int("crash.times", 60, "how many children to kill")
	seed    = flag.Uint64("crash.seed", uint64(time.Now().UnixNano()), "seed of the moments of death")
)

// TestKillNine tests the guarantee "kill -9 at any instant loses nothing acknowledged and leaves
// nothing to repair by hand".
func TestKillNine(t *testing.T) {
	t.Logf("-crash.seed=%d", *seed)
	for _, storage := range []string{engine.SQLite, engine.PostgreSQL, engine.MySQL} {
		t.Run(storage, func(t *testing.T) { killNine(t, servers.New(t, storage)) })
	}
}

func killNine(t *testing.T, place engine.Place) {
	random := rand.New(rand.NewPCG(*seed, 0))
	m := newModel()
	written, early := 0, 0
	for i := range *crashes {
		// One in five is killed while it opens the database, possibly in the middle of the recovery from
		// the previous kill.
		whileOpening := random.IntN(5) == 0 && i > 0
		life := time.Duration(random.Int64N(int64(250 * time.Millisecond)))
		if whileOpening {
			life /= 5
		}
		r, err := runAndKill(place, life, whileOpening)
		if err != nil {
			t.Fatalf("crash %d: %v", i, err)
		}
		if err := checkLeft(t, place, m, r); err != nil {
			t.Fatalf("after crash %d, a child that lived %s: %v", i, life, err)
		}
		written += len(r.wrote)
		if !r.ready {
			early++
		}
	}
	t.Logf("%d crashes, %d of them before the store was open; %d acknowledged writes, revision %d, %d live keys",
		*crashes, early, written, m.revision, len(m.live))
	if written == 0 {
		t.Error("no child lived long enough to write anything: the test shows nothing")
	}
}

// checkLeft checks the data that a killed child has left. Files are checked as a copy, so that the
// next child opens the unmodified originals.
func checkLeft(t *testing.T, place engine.Place, m *model, r reports) error {
	if place.Storage != engine.SQLite {
		return m.check(t.Context(), place, r)
	}
	copied := place
	dir := filepath.Join(t.TempDir(), "copy")
	copied.Path = filepath.Join(dir, filepath.Base(place.Path))
	if err := copyDatabase(place.Path, dir); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return m.check(t.Context(), copied, r)
}

// runAndKill starts a child and kills it some time after its start, or after it is ready.
func runAndKill(place engine.Place, life time.Duration, whileOpening bool) (reports, error) {
	self, err := os.Executable()
	if err != nil {
		return reports{}, fmt.Errorf("find the test binary: %w", err)
	}
	told, err := json.Marshal(place)
	if err != nil {
		return reports{}, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"="+string(told))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return reports{}, fmt.Errorf("make a pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return reports{}, fmt.Errorf("start the child: %w", err)
	}
	kill := func() { time.AfterFunc(life, func() { _ = cmd.Process.Kill() }) }
	ready := kill
	if whileOpening {
		kill()
		ready = func() {}
	}
	r, readErr := readReports(pipe, ready)
	err = cmd.Wait()
	if readErr != nil {
		return r, fmt.Errorf("read the child's reports: %w", readErr)
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
		return r, fmt.Errorf("the child ended by itself: %w", err)
	}
	return r, nil
}

// copyDatabase copies the files as the dead child left them.
func copyDatabase(database, to string) error {
	if err := os.Mkdir(to, 0o755); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	files, err := filepath.Glob(database + "*")
	if err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	for _, file := range files {
		if err := copyFile(file, filepath.Join(to, filepath.Base(file))); err != nil {
			return fmt.Errorf("copy the database: %w", err)
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	return err
}

// TestCheckNoticesLoss checks that the check itself detects a loss: it must fail without the end of
// the write-ahead log.
func TestCheckNoticesLoss(t *testing.T) {
	_, place := engine.Start(t, engine.SQLite)
	r, err := runAndKill(place, 200*time.Millisecond, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.wrote) < 2 {
		t.Fatalf("only %d writes before the kill", len(r.wrote))
	}
	info, err := os.Stat(place.Path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(place.Path+"-wal", info.Size()/2); err != nil {
		t.Fatal(err)
	}
	if err := newModel().check(t.Context(), place, r); err == nil {
		t.Error("half of the write-ahead log is gone and the check did not notice")
	} else {
		t.Logf("noticed: %v", err)
	}
}
