package stop

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

var seed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the moments at which servers are stopped")

const (
	// patience bounds what must happen, however busy the machine is.
	patience = 2 * time.Minute
	// atOnce is how long a stop may take on a machine with nothing else to do.
	atOnce = time.Second
)

var servers engine.Shared

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}

// trial is a place to start servers in, and how long an undisturbed start takes there.
type trial struct {
	name    string
	options component.ArkOptions
	start   time.Duration
	// never is true if the server cannot become ready.
	never bool
}

// limit is how long a stop may take: atOnce, or as long as a start takes where the machine is too
// busy for that.
func (s trial) limit() time.Duration { return max(atOnce, s.start) }

// TestStopDuringStart stops servers at fifty moments of a start, and a little beyond.
func TestStopDuringStart(t *testing.T) {
	t.Logf("-seed=%d", *seed)
	random := rand.New(rand.NewPCG(*seed, 0))
	for name, moments := range map[string]int{engine.SQLite: 20, engine.PostgreSQL: 10, engine.MySQL: 10, "etcd": 6} {
		t.Run(name, func(t *testing.T) {
			s := newTrial(t, name)
			s.measure(t)
			for range moments {
				s.stopAt(t, time.Duration(random.Int64N(int64(s.start*5/4))), signalOf(random))
			}
			s.measure(t) // what is left is good for another start
		})
	}
	t.Run("waiting for a database", func(t *testing.T) {
		for _, storage := range engine.Servers {
			s := trial{name: storage + " that does not answer", start: time.Second, never: true}
			s.options = component.ArkOptions{Dir: t.TempDir(), Storage: []string{
				"--storage=" + storage, "--db-host=127.0.0.1", fmt.Sprintf("--db-port=%d", silent(t)), "--db-name=ark", "--db-user=ark"}}
			for range 2 {
				s.stopAt(t, time.Second+time.Duration(random.Int64N(int64(2*time.Second))), signalOf(random))
			}
		}
	})
}

func signalOf(random *rand.Rand) syscall.Signal {
	return []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}[random.IntN(2)]
}

// silent returns the port of a listener that accepts connections and sends nothing.
func silent(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

func newTrial(t *testing.T, name string) *trial {
	t.Helper()
	s := &trial{name: name, options: component.ArkOptions{Dir: t.TempDir()}}
	if name == "etcd" {
		etcd, err := component.StartEtcd(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := etcd.Stop(); err != nil {
				t.Error(err)
			}
		})
		s.options.EtcdServers = etcd.URL
		return s
	}
	if name != engine.SQLite {
		s.options.Storage = servers.New(t, name).Flags()
	}
	return s
}

// measure starts a server without interruption, and measures the duration.
func (s *trial) measure(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begin := time.Now()
	server, err := component.StartArk(ctx, s.options)
	if err != nil {
		t.Fatal(err)
	}
	s.start = time.Since(begin)
	if err := server.Stop(); err != nil {
		t.Error(err)
	}
	if code := server.ExitCode(); code != 0 {
		t.Errorf("exit code %d after SIGTERM: %s", code, server.Stderr())
	}
}

// launch starts the server and does not wait until it is ready.
func (s *trial) launch(t *testing.T) *component.Process {
	t.Helper()
	command, err := s.options.Command()
	if err != nil {
		t.Fatal(err)
	}
	p, err := component.Start(command)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stopAt starts a server and stops it after a time.
func (s *trial) stopAt(t *testing.T, after time.Duration, by syscall.Signal) {
	t.Helper()
	p := s.launch(t)
	time.Sleep(after)
	ready := strings.Contains(p.Stdout(), "is ready")
	p.Signal(by)
	begin := time.Now()
	select {
	case <-p.Done():
	case <-time.After(patience):
		p.Signal(syscall.SIGQUIT) // prints its goroutines
		<-p.Done()
		t.Fatalf("%s, stopped %s after its start: still there %s later\n%s", s.name, after, patience, p.Stderr())
	}
	took := time.Since(begin)
	what := fmt.Sprintf("%s, %s %s after the start of one that takes %s (ready: %t): ended in %s with code %d",
		s.name, by, after.Round(time.Millisecond), s.start.Round(time.Millisecond), ready, took.Round(time.Millisecond), p.ExitCode())
	t.Log(what)
	if took > s.limit() {
		t.Errorf("%s; that is more than %s", what, s.limit())
	}
	s.checkOutput(t, what, p)
	s.checkFiles(t, what)
}

func (s *trial) checkOutput(t *testing.T, what string, p *component.Process) {
	t.Helper()
	if p.ExitCode() == -1 {
		// The signal came before the program's first line was run.
		if p.Stdout() != "" || p.Stderr() != "" {
			t.Errorf("%s, by the signal itself, but had printed\n%s%s", what, p.Stdout(), p.Stderr())
		}
		return
	}
	if p.ExitCode() != 0 {
		t.Errorf("%s", what)
	}
	if !strings.Contains(p.Stdout(), "Stopping") {
		t.Errorf("%s, without a word: %q", what, p.Stdout())
	}
	for line := range strings.Lines(p.Stderr()) {
		if !s.never || !strings.Contains(line, "waiting for the database") {
			t.Errorf("%s, and printed\n%s", what, p.Stderr())
			break
		}
	}
}

// checkFiles checks that files are complete or missing, and that the temporary files of atomic
// writes are removed.
func (s *trial) checkFiles(t *testing.T, what string) {
	t.Helper()
	err := filepath.WalkDir(s.options.Dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if strings.HasPrefix(entry.Name(), ".") {
			t.Errorf("%s, and left %s", what, path)
		}
		info, err := entry.Info()
		if err == nil && info.Size() == 0 && !strings.Contains(entry.Name(), ".db") {
			t.Errorf("%s, and left %s empty", what, path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSecondSignal checks that a second signal ends the process if a stop takes long, here because
// a request is still being answered.
func TestSecondSignal(t *testing.T) {
	s := trial{name: engine.PostgreSQL, options: component.ArkOptions{Dir: t.TempDir(), Storage: []string{
		"--storage=postgresql", "--db-host=127.0.0.1", fmt.Sprintf("--db-port=%d", silent(t)), "--db-name=ark", "--db-user=ark"}}}
	p := s.launch(t)
	time.Sleep(2 * time.Second)
	p.Signal(syscall.SIGINT)
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.Done():
	case <-time.After(patience):
		p.Kill()
		t.Fatal("it goes on after two signals")
	}
	if code := p.ExitCode(); code != 0 && code != 128+int(syscall.SIGTERM) && code != 128+int(syscall.SIGINT) {
		t.Errorf("exit code %d: %s", code, p.Stderr())
	}
}
