package cluster

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// standaloneWorld is what a user of a standalone server has after a while: two namespaces, with
// what agents refer to.
const standaloneWorld = `apiVersion: v1
kind: Namespace
metadata: {name: team-a, labels: {team: a}}
---
apiVersion: v1
kind: Namespace
metadata: {name: team-b}
---
apiVersion: v1
kind: Secret
metadata: {name: key, namespace: team-a}
stringData: {token: hush-hush}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: team-b}
data: {a: b}
---
apiVersion: ark.mckinsey.com/v1alpha1
kind: Agent
metadata: {name: one, namespace: team-a}
spec: {prompt: One}
`

// move runs ark-server export from a storage to the cluster, and wants an exit code.
func (e *env) move(t *testing.T, code int, db string, args ...string) string {
	t.Helper()
	server, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	p, err := component.Start(component.Command{Path: server, Name: "ark-server", Dir: t.TempDir(),
		Args: append([]string{"export", "--to-kubeconfig=" + e.cluster.Kubeconfig, "--db-path=" + db,
			"--keys-dir=" + filepath.Join(filepath.Dir(db), "keys")}, args...)})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	out := p.Stdout() + p.Stderr()
	if p.ExitCode() != code {
		t.Fatalf("export %s: exit code %d, want %d\n%s", strings.Join(args, " "), p.ExitCode(), code, out)
	}
	if strings.Contains(out, "hush") || strings.Contains(out, "aHVzaC1odXNo") {
		t.Errorf("a secret was told: %s", out)
	}
	return out
}

// TestMoveToCluster: what a standalone server keeps goes to a cluster with Ark's CRDs. Namespaces
// are made, the cluster's own objects stay as they are, its garbage collector leaves what has come,
// and nothing differs in the end.
func TestMoveToCluster(t *testing.T) {
	e := newCluster(t, component.ClusterOptions{})
	if err := component.InstallCRDs(t.Context(), e.cluster.Config); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	source, err := component.StartArk(t.Context(), component.ArkOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	at := e.kubectlFor(t, source.Config)
	apply := func(manifest string) {
		t.Helper()
		if r := try(t, at, manifest, "create", "-f", "-"); r.Code != 0 {
			t.Fatalf("%s%s", r.Stdout, r.Stderr)
		}
	}
	apply(standaloneWorld)
	uid := try(t, at, "", "-n", "team-a", "get", "agent", "one", "-o", "jsonpath={.metadata.uid}").Stdout
	apply(`{apiVersion: v1, kind: ConfigMap, metadata: {name: result, namespace: team-a, ownerReferences: [
  {apiVersion: ark.mckinsey.com/v1alpha1, kind: Agent, name: one, uid: ` + uid + `}]}, data: {a: b}}`)
	if err := source.Stop(); err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(dir, "ark.db")

	// A user who may not make namespaces is told of all, before anything is written.
	limited, err := e.cluster.CertUser("limited")
	if err != nil {
		t.Fatal(err)
	}
	e.run(t, "create", "clusterrole", "reader", "--verb=get,list", "--resource=namespaces,agents.ark.mckinsey.com")
	e.run(t, "create", "clusterrolebinding", "reader", "--clusterrole=reader", "--user=limited")
	kubeconfig := filepath.Join(t.TempDir(), "limited.kubeconfig")
	if err := component.WriteKubeconfig(kubeconfig, limited); err != nil {
		t.Fatal(err)
	}
	admin := e.cluster.Kubeconfig
	e.cluster.Kubeconfig = kubeconfig
	reader := e.kubectlFor(t, limited)
	eventually(t, "the rights", func() error {
		if r := try(t, reader, "", "get", "agents", "--all-namespaces"); r.Code != 0 {
			return errors.New(r.Stderr)
		}
		return nil
	})
	if out := e.move(t, 1, db); !strings.Contains(out, "for n in team-a team-b; do kubectl create namespace $n; done") {
		t.Errorf("the missing namespaces are not named: %s", out)
	}
	e.cluster.Kubeconfig = admin

	// The cluster has a ConfigMap of its own where one is to go.
	e.run(t, "create", "namespace", "team-b")
	e.run(t, "-n", "team-b", "create", "configmap", "settings", "--from-literal=a=theirs")
	if out := e.move(t, 1, db); !strings.Contains(out, "ConfigMap team-b/settings: conflict") || !strings.Contains(out, "secrets: left out: team-a/key") {
		t.Errorf("what was not brought is not named: %s", out)
	}
	if got := e.run(t, "-n", "team-b", "get", "configmap", "settings", "-o", "jsonpath={.data.a}"); got != "theirs" {
		t.Errorf("the cluster's own ConfigMap holds %q", got)
	}
	if out := e.move(t, 1, db, "--secrets", "--verify"); !strings.Contains(out, "ConfigMap team-b/settings: differs in data.a") || !strings.Contains(out, "Secret team-a/key: missing in the target") {
		t.Errorf("the differences are not named: %s", out)
	}
	e.run(t, "-n", "team-b", "delete", "configmap", "settings")

	e.move(t, 0, db, "--secrets")
	e.move(t, 0, db, "--secrets", "--verify")
	if out := e.move(t, 0, db, "--secrets"); strings.Contains(out, "created") || strings.Contains(out, "updated") {
		t.Errorf("a second run wrote: %s", out)
	}
	if got := e.run(t, "get", "namespace", "team-a", "-o", "jsonpath={.metadata.labels.team}"); got != "a" {
		t.Errorf("the namespace's label is %q", got)
	}
	var secret corev1.Secret
	if err := json.Unmarshal([]byte(e.run(t, "-n", "team-a", "get", "secret", "key", "-o", "json")), &secret); err != nil || string(secret.Data["token"]) != "hush-hush" {
		t.Errorf("the Secret did not come as it was: %v", err)
	}
	now := e.run(t, "-n", "team-a", "get", "agent", "one", "-o", "jsonpath={.metadata.uid}")
	if got := e.run(t, "-n", "team-a", "get", "configmap", "result", "-o", "jsonpath={.metadata.ownerReferences[0].uid}"); got != now || got == uid {
		t.Errorf("the owner is %s, want %s", got, now)
	}
	// It is the owner indeed.
	e.run(t, "-n", "team-a", "delete", "agent", "one")
	e.run(t, "-n", "team-a", "wait", "--for=delete", "configmap/result", "--timeout=1m")
}
