package failover

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/fleet"
	"github.com/mckinsey/ark-server/e2e/internal/journal"
	"github.com/mckinsey/ark-server/e2e/internal/query"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

var seed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the moments of the fail-over")

const patience = time.Minute

// pair is a primary, its standby, and two ark-servers that use the one that accepts writes.
type pair struct {
	primary, standby *sqltest.Server
	// wire is the connection over which the standby receives from the primary.
	wire *component.Proxy
	// synchronous makes the primary acknowledge a commit only after the standby has received it.
	synchronous func() error
	// promote makes the standby the primary, and directs the servers to it.
	promote func() error
	storage []string // flags
	*fleet.Fleet
}

func start(t *testing.T, storage string) *pair {
	t.Helper()
	p := map[string]func(*testing.T) *pair{engine.PostgreSQL: startPostgres, engine.MySQL: startMySQL}[storage](t)
	p.Fleet = fleet.On(t, 2, p.storage)
	p.Start(t, journal.Namespace)
	return p
}

// startPostgres starts a pair whose settings name both hosts.
func startPostgres(t *testing.T) *pair {
	t.Helper()
	p := &pair{primary: sqltest.Own(t, sqltest.StartPostgres, sqltest.Options{Settings: []string{"wal_sender_timeout = '60s'"}})}
	cfg, _, err := p.primary.CreateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.stream(t, func(port int) (*sqltest.Server, error) { return sqltest.StartStandby(t.Context(), p.primary, port) })
	file := filepath.Join(t.TempDir(), "dsn")
	dsn := fmt.Sprintf("postgres://postgres@%s,%s/%s?sslmode=disable&connect_timeout=2", p.primary.Address(), p.standby.Address(), cfg.Name)
	if err := os.WriteFile(file, []byte(dsn), 0o600); err != nil {
		t.Fatal(err)
	}
	p.storage = []string{"--storage=postgresql", "--db-dsn-file=" + file}
	p.synchronous = func() error {
		return p.primary.Exec(t.Context(), "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
	}
	p.promote = func() error { return p.standby.Promote(t.Context()) }
	return p
}

// startMySQL starts a pair behind an address that follows the primary, which is the usual setup for
// MariaDB and MySQL.
func startMySQL(t *testing.T) *pair {
	t.Helper()
	p := &pair{primary: sqltest.Own(t, sqltest.StartReplicated, sqltest.Options{})}
	p.stream(t, func(port int) (*sqltest.Server, error) { return sqltest.StartReplica(t.Context(), port) })
	cfg, _, err := p.primary.CreateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	address := sqltest.StartProxy(t, &cfg)
	p.storage = engine.Place{Storage: engine.MySQL, Config: cfg}.Flags()
	p.synchronous = func() error { return sqltest.SemiSynchronous(t.Context(), p.primary, p.standby) }
	p.promote = func() error {
		err := p.standby.Promote(t.Context())
		address.Redirect(p.standby.Address())
		address.Cut()
		return err
	}
	return p
}

// stream starts the standby, which receives from the primary through the wire.
func (p *pair) stream(t *testing.T, start func(port int) (*sqltest.Server, error)) {
	t.Helper()
	var err error
	if p.wire, err = component.StartProxy(p.primary.Address()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.wire.Close)
	if p.standby, err = start(p.wire.Port()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.standby.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

// TestSynchronous checks that with a standby that each commit waits for, a fail-over loses no
// write, and that clients only need to retry.
func TestSynchronous(t *testing.T) {
	for _, storage := range engine.Servers {
		t.Run(storage, func(t *testing.T) { synchronous(t, storage) })
	}
}

func synchronous(t *testing.T, storage string) {
	r := rand.New(rand.NewPCG(*seed, 0))
	t.Logf("-seed=%d", *seed)
	p := start(t, storage)
	if err := p.synchronous(); err != nil {
		t.Fatal(err)
	}
	j := journal.New()
	stop := p.Write(t, j, "writer")
	time.Sleep(between(r, time.Second, 4*time.Second))
	p.primary.Kill()
	died := time.Now()
	time.Sleep(between(r, 0, time.Second))
	if err := p.promote(); err != nil {
		t.Fatal(err)
	}
	for i, c := range p.Clients() {
		eventually(t, func() error {
			return query.Create(t.Context(), c, journal.Namespace, fmt.Sprint("probe-", i), query.Spec(10))
		})
	}
	t.Logf("%s after the primary's death both servers write again", time.Since(died).Round(time.Millisecond))
	time.Sleep(time.Second)
	stop()
	t.Logf("%d writes acknowledged, %d attempts were not", j.Writes, j.Refused)
	for i, c := range p.Clients() {
		missing, _, err := j.Missing(t.Context(), c)
		if err != nil || len(missing) > 0 {
			t.Errorf("server %d: %d acknowledged writes are missing or older: %v; %v", i, len(missing), missing[:min(5, len(missing))], err)
		}
	}
}

// TestLostCommits checks a standby that lacks acknowledged commits: the servers report it, and
// neither read nor write until the counter has been advanced.
func TestLostCommits(t *testing.T) {
	for _, storage := range engine.Servers {
		t.Run(storage, func(t *testing.T) { lostCommits(t, storage) })
	}
}

func lostCommits(t *testing.T, storage string) {
	r := rand.New(rand.NewPCG(*seed, 1))
	t.Logf("-seed=%d", *seed)
	p := start(t, storage)
	j := journal.New()
	stop := p.Write(t, j, "writer")
	time.Sleep(between(r, time.Second, 3*time.Second))
	p.wire.Stall(true)
	time.Sleep(between(r, 300*time.Millisecond, 2*time.Second))
	stop()
	last := newest(t, p.Client(0))
	if other := newest(t, p.Client(1)); other != last {
		t.Fatalf("the servers are at %s and %s while nobody writes", last, other)
	}
	p.primary.Kill()
	p.wire.Refuse(true)
	p.wire.Cut()
	p.wire.Stall(false)
	if err := p.promote(); err != nil {
		t.Fatal(err)
	}
	for i, c := range p.Clients() {
		eventually(t, func() error {
			err := query.Create(t.Context(), c, journal.Namespace, fmt.Sprint("lost-", i), query.Spec(10))
			if err == nil {
				t.Fatalf("server %d goes on with a database that lacks acknowledged writes", i)
			}
			if log := p.Server(i).Stderr(); !strings.Contains(log, "the database has gone back from revision") {
				return fmt.Errorf("it does not say why: %w", err)
			}
			return nil
		})
		if raw, err := c.Get().AbsPath("/apis/ark.mckinsey.com/v1alpha1/namespaces/" + journal.Namespace + "/queries").Do(t.Context()).Raw(); err == nil {
			t.Errorf("server %d lists: %.200s", i, raw)
		}
	}
	// A server that starts only now detects it by the mark in the folder that it shares with the first
	// one.
	late := component.ArkOptions{Dir: t.TempDir(), Keys: p.Options(0).Keys, Storage: p.storage}
	refusesToStart(t, late, "it is at revision")
	// A server without a mark cannot detect it. It advances the standby past the lost commits.
	p.leadPast(t, last)
	refusesToStart(t, late, "it has another revision")
	for i, c := range p.Clients() {
		if err := query.Create(t.Context(), c, journal.Namespace, fmt.Sprint("late-", i), query.Spec(10)); err == nil {
			t.Errorf("server %d goes on with another history", i)
		}
	}
	p.Stop(t)
	refusesToStart(t, p.Options(1), "it has another revision")
	binary, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), binary, append([]string{"restore", "--bump-revision"}, p.storage...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.Start(t)
	for i, c := range p.Clients() {
		missing, unknown, err := j.Missing(t.Context(), c)
		if err != nil || len(missing) == 0 {
			t.Errorf("server %d: %d are missing, %d unknown, %v: the fail-over lost nothing, so this shows nothing", i, len(missing), unknown, err)
		}
		t.Logf("server %d: of %d acknowledged writes, the fail-over took %d objects or changes, and brought %d deleted ones back", i, j.Writes, len(missing), unknown)
		if now := newest(t, c); len(now) < len(last) || len(now) == len(last) && now <= last {
			t.Errorf("server %d is at %s, before %s, which was there before", i, now, last)
		}
	}
	for i, c := range p.Clients() {
		if err := query.Create(t.Context(), c, journal.Namespace, fmt.Sprint("again-", i), query.Spec(10)); err != nil {
			t.Error(err)
		}
	}
}

// refusesToStart checks that a start fails with an error that names the cause and the fix.
func refusesToStart(t *testing.T, o component.ArkOptions, why string) {
	t.Helper()
	command, err := o.Command()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := component.RunToEnd(ctx, command)
	if err != nil {
		t.Fatalf("a server that starts after the fail-over goes on: %v", err)
	}
	for _, want := range []string{"acknowledged writes are missing", why, "restore --bump-revision", "--accept-data-loss="} {
		if !strings.Contains(p.Stderr(), want) {
			t.Errorf("exit code %d, and no %q in: %s", p.ExitCode(), want, p.Stderr())
		}
	}
}

// leadPast writes to the promoted standby, through a server that has no mark, until its revision is
// higher than last.
func (p *pair) leadPast(t *testing.T, last string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := component.StartArk(ctx, component.ArkOptions{Dir: t.TempDir(), Storage: p.storage})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Kill()
	client, err := component.RawClient(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		if err := query.Create(ctx, client, journal.Namespace, fmt.Sprint("other-", n), query.Spec(10)); err != nil {
			t.Fatal(err)
		}
		if now := newest(t, client); len(now) > len(last) || len(now) == len(last) && now > last {
			break
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

// newest returns the resourceVersion of a list.
func newest(t *testing.T, c *rest.RESTClient) string {
	t.Helper()
	raw, err := c.Get().AbsPath("/apis/ark.mckinsey.com/v1alpha1/namespaces/" + journal.Namespace + "/agents").Do(t.Context()).Raw()
	if err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	_, rest, _ := strings.Cut(string(raw), `"resourceVersion":"`)
	version, _, found := strings.Cut(rest, `"`)
	if !found {
		t.Fatalf("no version in %.200s", raw)
	}
	return version
}

func eventually(t *testing.T, try func() error) {
	t.Helper()
	limit := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("not within %s: %v", patience, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
