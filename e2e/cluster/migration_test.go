package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// migrated is how many objects are moved, besides those of the writers.
const migrated = 5000

// A cluster with 5,000 objects of all kinds is moved from its CRDs to ark-server and back, by the
// commands of docs/operations/migration.md, while writers work on: none of the writes that were
// acknowledged is lost, on the way there and on the way back, though import and export are killed
// in the middle.
func TestMigration(t *testing.T) {
	e := newCluster(t, component.ClusterOptions{EndpointRouting: true})
	if err := component.InstallCRDs(t.Context(), e.cluster.Config); err != nil {
		t.Fatal(err)
	}
	p := e.openPage(t, "migration.md")
	w := newWorld(t, e)
	w.fill(t, migrated)
	writers := w.startWriters(t)
	informer := w.startInformer(t)

	p.run(t, "kubectl auth can-i")
	p.run(t, "helm install")
	port, err := component.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	storage := fmt.Sprintf("http://127.0.0.1:%d", port)
	e.installed(t, fmt.Sprintf("--etcd-listen=tcp://127.0.0.1:%d", port))
	e.kubelet(t, true)
	defer func() {
		if t.Failed() {
			t.Logf("ark-server's log:\n%s", e.ark.Stderr())
		}
		e.ark.Kill()
	}()
	p.run(t, "rollout status")
	p.take(t, "nodes", "port-forward")
	p.set(t, "STORAGE", "--storage=etcd --etcd-servers="+storage)

	// Killed in the middle, and run again.
	command := p.take(t, "", "ark-server import")
	inStorage := counter(t, storage)
	killed := p.start(t, command)
	eventually(t, "a third of the import", func() error {
		if n := inStorage(); n < migrated/3 {
			return fmt.Errorf("%d objects", n)
		}
		return nil
	})
	killed.Kill()
	t.Logf("killed the import with %d of more than %d objects", inStorage(), migrated)
	if n := inStorage(); n >= migrated {
		t.Errorf("the import was killed too late: %d objects", n)
	}
	since := time.Now()
	p.shell(t, command)
	t.Logf("the rest of the import took %s", time.Since(since).Round(time.Millisecond))

	p.run(t, "ValidatingAdmissionPolicy")
	writers.requireFrozen(t)
	w.churn(t, "before", 100)
	p.run(t, "--verify")
	before := w.snapshot(t)
	revision := w.revision(t)
	p.run(t, "automanaged-")
	e.waitAvailable(t, "True")
	requireSame(t, before, w.snapshot(t))
	w.requireGone(t, revision)
	p.run(t, "delete validatingadmissionpolicy")

	// In ark-server, everything goes on.
	writers.requireProgress(t)
	w.churn(t, "after", 200)
	staying := p.take(t, "", "get crds")

	// The way back. The page says to stop the controllers here, for they would read old state until
	// the export is done.
	p.repeat(t, "ValidatingAdmissionPolicy")
	writers.requireFrozen(t)
	writers.pause(true)
	informer.eventuallyHas(t, w)
	here := w.snapshot(t)
	p.run(t, "--replicas=0")
	e.kubelet(t, false)
	p.run(t, "apiService.create=false")
	e.kubelet(t, true)
	p.run(t, "rollout status")
	commands := p.take(t, "", "ark-server export")
	export, verify, _ := strings.Cut(commands, "\n")
	killed = p.start(t, export)
	tools := w.kinds[slices.IndexFunc(w.kinds, func(s registrytest.Sample) bool { return s.Kind == "Tool" })]
	eventually(t, "about half of the export", func() error {
		_, err := w.client.Get().AbsPath(path(tools, team(4), "after-2")).DoRaw(t.Context())
		return err
	})
	killed.Kill()
	if killed.ExitCode() != -1 {
		t.Error("the export was killed too late")
	}
	p.shell(t, export)
	p.shell(t, verify)
	requireBack(t, here, before, w.snapshot(t))
	p.repeat(t, "delete validatingadmissionpolicy")
	writers.pause(false)
	writers.requireProgress(t)
	informer.eventuallyAgrees(t, w, writers)

	// And there again, to stay. What the export made, and is gone from the cluster, goes.
	e.run(t, "-n", team(10), "delete", "tools.ark.mckinsey.com", "after-5")
	p.repeat(t, "ValidatingAdmissionPolicy")
	writers.requireFrozen(t)
	p.repeat(t, "import --from-kubeconfig=$KUBECONFIG $STORAGE --verify")
	before = w.snapshot(t)
	p.repeat(t, "automanaged-")
	e.waitAvailable(t, "True")
	requireSame(t, before, w.snapshot(t))
	p.shell(t, staying)
	e.waitAvailable(t, "True")
	requireSame(t, before, w.snapshot(t))
	p.repeat(t, "delete validatingadmissionpolicy")
	writers.requireProgress(t)
	writers.stop(t)
	writers.requireNothingLost(t, w)
	p.take(t, "example", "--to-file")
}

// repeat runs a block from earlier on the page again.
func (p *page) repeat(t *testing.T, text string) {
	t.Helper()
	for _, b := range p.blocks[:p.next] {
		if strings.Contains(b.text, text) {
			p.shell(t, b.text)
			return
		}
	}
	t.Fatalf("no block before has %q", text)
}

// counter counts Ark's objects in a storage.
func counter(t *testing.T, storage string) func() int {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{storage}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return func() int {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		answer, err := client.Get(ctx, "/registry/ark.mckinsey.com/", clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil {
			t.Fatal(err)
		}
		return int(answer.Count)
	}
}

// revision is that of a list of agents.
func (w *world) revision(t *testing.T) string {
	t.Helper()
	text, err := w.client.Get().AbsPath("/apis/ark.mckinsey.com/v1alpha1/agents").Param("limit", "1").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var list metav1.PartialObjectMetadataList
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list.ResourceVersion
}

// requireGone wants to be told that a revision of the other server is gone, instead of waiting for
// it in silence.
func (w *world) requireGone(t *testing.T, revision string) {
	t.Helper()
	text, err := w.client.Get().AbsPath("/apis/ark.mckinsey.com/v1alpha1/agents").Param("watch", "1").Param("timeoutSeconds", "30").
		Param("resourceVersion", revision).DoRaw(t.Context())
	if !strings.Contains(string(text)+fmt.Sprint(err), "too old resource version") {
		t.Errorf("a watch from revision %s of the CRDs: %s, %v", revision, text, err)
	}
}
