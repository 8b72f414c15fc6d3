package contract

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// system is one way to run the server.
type system struct {
	// name is part of the tests' names, title a column of the docs.
	name, title string
	// heavy systems run on demand (-systems=heavy), because they need components that take long to
	// build or to start.
	heavy bool
	// reference is set for the CRDs, which differ from the promise in a few places that the tests
	// name.
	reference bool
	// stock is set where the server does without its hooks into the Kubernetes libraries.
	stock bool
	// engine is set where the server executes queries and keeps statuses.
	engine bool
	// restarts is set where servers are replaced all the time: clients come again when they are told
	// to, and resume watches that have ended.
	restarts bool
	// start starts it with its data in dir; the test's end stops it.
	start func(t *testing.T, y *system, dir string) *server
}

// asUpstream says that clients' faults get the answers that upstream's handlers give them, 500
// among them.
func (y *system) asUpstream() bool { return y.reference || y.stock }

func systems() []*system {
	return []*system{
		{name: "sqlite", title: "standalone, SQLite", start: startSQLite},
		{name: "etcd", title: "standalone, external etcd", heavy: true, start: startOnEtcd},
		{name: "stock", title: "standalone, external etcd, without the hooks of docs/upstream.md", heavy: true, stock: true, start: startOnEtcd},
		{name: "postgresql", title: "standalone, PostgreSQL", start: startOnServer(engine.PostgreSQL)},
		{name: "mysql", title: "standalone, MySQL/MariaDB", start: startOnServer(engine.MySQL)},
		{name: "aggregated", title: "aggregated, SQLite", heavy: true, start: startAggregated(engine.SQLite)},
		{name: "aggregated-postgresql", title: "aggregated, PostgreSQL", heavy: true, start: startAggregated(engine.PostgreSQL)},
		{name: "aggregated-mysql", title: "aggregated, MySQL/MariaDB", heavy: true, start: startAggregated(engine.MySQL)},
		{name: "engine", title: "standalone, SQLite, with the embedded engine", heavy: true, engine: true, start: startEngine},
		{name: "direct", title: "aggregated, SQLite, at its direct endpoint", heavy: true, start: startDirect},
		{name: "rolling", title: "aggregated, two replicas on PostgreSQL under rolling restart", heavy: true, restarts: true, start: startRolling},
		{name: "crds", title: "CRDs on kube-apiserver with etcd (the reference)", heavy: true, reference: true, start: startCRDs},
	}
}

// arkServer is an ark-server that can be killed and started again at its address.
type arkServer struct {
	options component.ArkOptions
	*component.ArkServer
}

func (a *arkServer) Start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server, err := component.StartArk(ctx, a.options)
	if err != nil {
		t.Fatal(err)
	}
	a.ArkServer = server
}

// startArk starts an ark-server and stops it at the test's end.
func startArk(t *testing.T, y *system, options component.ArkOptions) *server {
	t.Helper()
	port, err := component.FreePort() // The same after a restart.
	if err != nil {
		t.Fatal(err)
	}
	options.Port = port
	a := &arkServer{options: options}
	a.Start(t)
	t.Cleanup(func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the end of the server's log:\n%s", logEnd(a.Stderr()))
		}
	})
	s := newServer(t, y, a.Config)
	s.kubeconfig, s.process = a.Kubeconfig, a
	return s
}

// embedded makes a server serve its storage as etcd, too, and returns the address.
func embedded(t *testing.T, options *component.ArkOptions) string {
	t.Helper()
	// The name of a socket may have about 100 characters, fewer than a test's own folder.
	dir, err := os.MkdirTemp("", "ark")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	address := "unix://" + filepath.Join(dir, "etcd.sock")
	options.Args = append(slices.Clone(options.Args), "--etcd-listen="+address)
	return address
}

// logEnd is what a reader of a failure may want of a log.
func logEnd(log string) string {
	const most = 4 << 10
	return log[max(0, len(log)-most):]
}

func startSQLite(t *testing.T, y *system, dir string) *server {
	t.Helper()
	return startOn(t, y, component.ArkOptions{Dir: dir})
}

// startEngine has the server execute the queries that the tests make.
func startEngine(t *testing.T, y *system, dir string) *server {
	t.Helper()
	return startOn(t, y, component.ArkOptions{Dir: dir, Args: []string{"--engine=embedded"}})
}

// startOn keeps the data in a SQLite file.
func startOn(t *testing.T, y *system, options component.ArkOptions) *server {
	t.Helper()
	etcd, log := embedded(t, &options), recordAudit(t, &options)
	s := startArk(t, y, options)
	s.etcd, s.audits = etcd, []auditLog{log}
	copied := filepath.Join(t.TempDir(), "backup.db")
	s.backup = func(t *testing.T) { arkCommand(t, "backup", "--db-path="+options.DB(), "--to="+copied) }
	s.restore = func(t *testing.T) {
		arkCommand(t, "restore", "--db-path="+options.DB(), "--keys-dir="+filepath.Join(filepath.Dir(options.DB()), "keys"), "--from="+copied)
	}
	return s
}

// arkCommand runs a command of ark-server to its end.
func arkCommand(t *testing.T, args ...string) {
	t.Helper()
	path, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Fatalf("ark-server %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// startOnEtcd keeps the data in a real etcd, beyond a link that tests may cut.
func startOnEtcd(t *testing.T, y *system, dir string) *server {
	t.Helper()
	if err := component.BuildBinaries("etcd"); err != nil {
		t.Fatal(err)
	}
	e := &etcdServer{dir: filepath.Join(dir, "etcd")}
	e.Start(t)
	t.Cleanup(func() { e.Kill() })
	l := newLink(t, strings.TrimPrefix(e.URL, "http://"))
	options := component.ArkOptions{Dir: dir, Keys: filepath.Join(dir, "keys"), EtcdServers: fmt.Sprintf("http://127.0.0.1:%d", l.port())}
	if y.stock {
		options.Args = append(options.Args, "--without-hooks=all")
	}
	first := options
	log := recordAudit(t, &first)
	s := startArk(t, y, first)
	s.etcd, s.database, s.link, s.audits = e.URL, e, l, []auditLog{log}
	s.replica = func(t *testing.T) *server {
		options.Dir = t.TempDir()
		return startArk(t, y, options)
	}
	return s
}

// etcdServer is an etcd that can be killed and started again at its address.
type etcdServer struct {
	dir  string
	port int
	*component.Endpoint
}

func (e *etcdServer) Start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if e.port == 0 {
		port, err := component.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		e.port = port
	}
	endpoint, err := component.StartEtcdAt(ctx, e.dir, e.port)
	if err != nil {
		t.Fatal(err)
	}
	e.Endpoint = endpoint
}

// startOnServer keeps the data on a database server of the test's own, beyond a link that tests may
// cut.
func startOnServer(storage string) func(*testing.T, *system, string) *server {
	return func(t *testing.T, y *system, dir string) *server {
		t.Helper()
		database, l, place := startDatabase(t, storage)
		options := component.ArkOptions{Dir: dir, Keys: filepath.Join(dir, "keys"), Storage: place.Flags()}
		first := options
		etcd, log := embedded(t, &first), recordAudit(t, &first)
		s := startArk(t, y, first)
		s.etcd, s.database, s.link, s.audits = etcd, database, l, []auditLog{log}
		s.backup, s.restore = dumps(t, place)
		s.replica = func(t *testing.T) *server {
			further := options
			further.Dir = t.TempDir()
			return startArk(t, y, further)
		}
		return s
	}
}

// startDatabase starts a database server of the test's own, with an empty database to be reached
// over a link.
func startDatabase(t *testing.T, storage string) (*databaseServer, *link, engine.Place) {
	t.Helper()
	database, place := engine.Start(t, storage)
	l := newLink(t, fmt.Sprintf("%s:%d", place.Config.Host, place.Config.Port))
	place.Config.Port = l.port()
	return &databaseServer{database}, l, place
}

// dumps takes backups of a database and restores them with the programs of its server.
func dumps(t *testing.T, place engine.Place) (backup, restore func(*testing.T)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dump")
	backup = func(t *testing.T) {
		if err := place.Dump(t.Context(), file); err != nil {
			t.Fatal(err)
		}
	}
	restore = func(t *testing.T) {
		if err := place.Load(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		arkCommand(t, append([]string{"restore", "--bump-revision"}, place.Flags()...)...)
	}
	return backup, restore
}

// databaseServer is a database server that can be killed and started again.
type databaseServer struct{ *sqltest.Server }

func (d *databaseServer) Start(t *testing.T) {
	t.Helper()
	if err := d.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// startCRDs starts a control plane with the Ark kinds as CRDs.
func startCRDs(t *testing.T, y *system, dir string) *server {
	t.Helper()
	c := startCluster(t, component.ClusterOptions{Dir: dir})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := component.InstallCRDs(ctx, c.Config); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, y, c.Config)
	s.etcd, s.kubeconfig, s.audits = c.Etcd.URL, c.Kubeconfig, []auditLog{{path: c.AuditLog}}
	return s
}

// startCluster starts a control plane, which ends with the test.
func startCluster(t *testing.T, options component.ClusterOptions) *component.Cluster {
	t.Helper()
	if err := component.BuildBinaries("etcd", "kubectl", "kube-apiserver", "kube-controller-manager"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := component.StartCluster(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}
