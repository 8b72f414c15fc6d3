package contract

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// aggregatedArk is an ark-server behind a cluster's aggregator that can be killed and started again
// at its address.
type aggregatedArk struct {
	hosting *component.Hosting
	options component.AggregatedOptions
	*component.AggregatedArk
}

// Start starts it and waits until the cluster serves its kinds.
func (a *aggregatedArk) Start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ark, err := component.StartAggregatedArk(ctx, a.options)
	if err != nil {
		t.Fatal(err)
	}
	a.AggregatedArk = ark
	if err := a.hosting.SetReady(ctx, a.options.Port, true); err != nil {
		t.Fatal(err)
	}
	if err := a.hosting.WaitServed(ctx); err != nil {
		t.Fatal(err)
	}
}

// direct is the way to it past the aggregator, as the cluster's admin.
func (a *aggregatedArk) direct(t *testing.T, y *system) *server {
	t.Helper()
	admin := a.hosting.Cluster.Config
	config := rest.CopyConfig(a.Direct)
	config.CertData, config.KeyData = admin.CertData, admin.KeyData
	return newServer(t, y, config)
}

// startBehind starts a replica and stops it at the test's end.
func startBehind(t *testing.T, hosting *component.Hosting, options component.ArkOptions) *aggregatedArk {
	t.Helper()
	port, err := component.FreePort() // The same after a restart.
	if err != nil {
		t.Fatal(err)
	}
	options.Port = port
	// No load balancer has to notice the end of a test.
	options.Args = append([]string{"--shutdown-delay-duration=0"}, options.Args...)
	a := &aggregatedArk{hosting: hosting, options: hosting.Options(options)}
	t.Cleanup(func() {
		if a.AggregatedArk == nil {
			return
		}
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the end of the server's log:\n%s", logEnd(a.Stderr()))
		}
	})
	return a
}

// newHosting starts a control plane that is prepared for ark-server.
func newHosting(t *testing.T, dir string) *component.Hosting {
	t.Helper()
	if err := component.BuildBinaries("helm"); err != nil {
		t.Fatal(err)
	}
	c := startCluster(t, component.ClusterOptions{Dir: dir, EndpointRouting: true})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	hosting, err := component.Host(ctx, c, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := hosting.Register(ctx); err != nil {
		t.Fatal(err)
	}
	return hosting
}

// recordAudit has a server record the metadata of every request.
func recordAudit(t *testing.T, options *component.ArkOptions) auditLog {
	t.Helper()
	policy, log := filepath.Join(options.Dir, "audit-policy.yaml"), filepath.Join(options.Dir, "audit.log")
	if err := os.WriteFile(policy, []byte(component.AuditPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	options.Args = append(options.Args, "--audit-policy-file="+policy, "--audit-log-path="+log)
	return auditLog{path: log}
}

// startDirect is startAggregated for clients that know the server only, as the admin's token names
// them there.
func startDirect(t *testing.T, y *system, dir string) *server {
	t.Helper()
	hosting := newHosting(t, dir)
	options := component.ArkOptions{Dir: t.TempDir(), Args: []string{"--direct"}}
	etcd := embedded(t, &options)
	log := recordAudit(t, &options)
	ark := startBehind(t, hosting, options)
	ark.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	admin, err := hosting.AdminToken(ctx)
	if err != nil {
		t.Fatal(err)
	}
	config := rest.CopyConfig(ark.Direct)
	config.ServerName = "" // localhost, as the address says
	config.Host = strings.Replace(config.Host, "127.0.0.1", "localhost", 1)
	config.BearerToken = admin
	s := newServer(t, y, config)
	s.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := component.WriteKubeconfig(s.kubeconfig, config); err != nil {
		t.Fatal(err)
	}
	// What is the cluster's is recorded there, what is Ark's here.
	s.audits, s.process, s.etcd = []auditLog{log}, ark, etcd
	copied := filepath.Join(t.TempDir(), "backup.db")
	s.backup = func(t *testing.T) { arkCommand(t, "backup", "--db-path="+options.DB(), "--to="+copied) }
	s.restore = func(t *testing.T) { arkCommand(t, "restore", "--db-path="+options.DB(), "--from="+copied) }
	return s
}

// startAggregated starts the server behind the aggregator of a control plane, on a database of its
// own.
func startAggregated(storage string) func(*testing.T, *system, string) *server {
	return func(t *testing.T, y *system, dir string) *server {
		t.Helper()
		hosting := newHosting(t, dir)
		options := component.ArkOptions{Dir: t.TempDir()}
		var database process
		var l *link
		var place engine.Place
		if storage != engine.SQLite {
			database, l, place = startDatabase(t, storage)
			options.Storage = place.Flags()
		}
		further := options
		etcd := embedded(t, &options)
		log := recordAudit(t, &options)
		ark := startBehind(t, hosting, options)
		ark.Start(t)

		c := hosting.Cluster
		s := newServer(t, y, c.Config)
		log.behind = true
		s.kubeconfig, s.audits = c.Kubeconfig, []auditLog{{path: c.AuditLog, forwards: true}, log}
		s.process, s.behind, s.etcd = ark, ark.direct(t, y), etcd
		s.database, s.link = database, l
		if storage == engine.SQLite {
			copied := filepath.Join(t.TempDir(), "backup.db")
			s.backup = func(t *testing.T) { arkCommand(t, "backup", "--db-path="+options.DB(), "--to="+copied) }
			s.restore = func(t *testing.T) { arkCommand(t, "restore", "--db-path="+options.DB(), "--from="+copied) }
			return s
		}
		s.backup, s.restore = dumps(t, place)
		// It is asked past the aggregator, which would spread requests over both.
		s.replica = func(t *testing.T) *server {
			another := further
			another.Dir = t.TempDir()
			replica := startBehind(t, hosting, another)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			var err error
			if replica.AggregatedArk, err = component.StartAggregatedArk(ctx, replica.options); err != nil {
				t.Fatal(err)
			}
			return replica.direct(t, y)
		}
		return s
	}
}
