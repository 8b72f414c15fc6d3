package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func coreClient(t *testing.T, s *servedStorage) kubernetes.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestTransferOfCoreObjects checks that the core objects of a standalone server are transferred
// through a file and from the running server, and are served again.
func TestTransferOfCoreObjects(t *testing.T) {
	dir := t.TempDir()
	first := "--db-path=" + filepath.Join(dir, "first.db")
	source := serveFor(t, first)
	client := coreClient(t, source)
	made := metav1.ObjectMeta{Name: "team-a", Labels: map[string]string{"team": "a"}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: made}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	wantSecret, err := client.CoreV1().Secrets("team-a").Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "key"}, StringData: map[string]string{"token": "hush-hush"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wantMap, err := client.CoreV1().ConfigMaps("team-a").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings"}, Data: map[string]string{"a": "b"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	quiet := func(out string) string {
		t.Helper()
		if strings.Contains(out, "hush") || strings.Contains(out, "aHVzaC1odXNo") {
			t.Errorf("a secret was told: %s", out)
		}
		return out
	}

	// From the running server.
	running := filepath.Join(dir, "running.db")
	from := []string{"import", "--from-kubeconfig=" + source.kubeconfig, "--db-path=" + running}
	wantTexts(t, quiet(command(t, 1, from...)), "secrets: left out: team-a/key", "1 Secrets were left out", "--secrets=false")
	wantTexts(t, quiet(command(t, 0, append(from, "--secrets=false")...)), "left out", "unchanged")
	wantTexts(t, quiet(command(t, 1, append(from, "--secrets", "--verify")...)), "Secret team-a/key: missing here")
	wantTexts(t, quiet(command(t, 0, append(from, "--secrets")...)), "created")
	wantTexts(t, quiet(command(t, 0, append(from, "--secrets", "--verify")...)), "unchanged")
	source.stop()

	// Through a file.
	file := filepath.Join(dir, "all.yaml")
	wantTexts(t, quiet(command(t, 1, "export", "--to-file="+filepath.Join(dir, "part.yaml"), first)), "left out", "--secrets")
	command(t, 0, "export", "--to-file="+filepath.Join(dir, "meant.yaml"), first, "--secrets=false")
	quiet(command(t, 0, "export", "--to-file="+file, first, "--secrets"))
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for _, part := range []string{"part.yaml", "meant.yaml"} {
		text, err := os.ReadFile(filepath.Join(dir, part))
		if err != nil {
			t.Fatal(err)
		}
		wantTexts(t, quiet(string(text)), "kind: Namespace", "kind: ConfigMap")
	}
	moved := filepath.Join(dir, "moved.db")
	wantTexts(t, quiet(command(t, 0, "import", "--from-file="+file, "--db-path="+moved, "--secrets")), "created")
	wantTexts(t, quiet(command(t, 0, "import", "--from-file="+file, "--db-path="+moved, "--secrets", "--verify")), "unchanged")

	for _, db := range []string{running, moved} {
		target := serveFor(t, "--db-path="+db)
		client := coreClient(t, target)
		secret, err := client.CoreV1().Secrets("team-a").Get(t.Context(), "key", metav1.GetOptions{})
		if err != nil || string(secret.Data["token"]) != "hush-hush" || secret.UID != wantSecret.UID || secret.Type != wantSecret.Type {
			t.Errorf("%s: the Secret did not come as it was: %v", db, err)
		}
		settings, err := client.CoreV1().ConfigMaps("team-a").Get(t.Context(), "settings", metav1.GetOptions{})
		if err != nil || settings.Data["a"] != "b" || settings.UID != wantMap.UID {
			t.Errorf("%s: %v, %v", db, settings, err)
		}
		namespace, err := client.CoreV1().Namespaces().Get(t.Context(), "team-a", metav1.GetOptions{})
		if err != nil || namespace.Labels["team"] != "a" {
			t.Errorf("%s: %v, %v", db, namespace, err)
		}
		// It is a namespace like any other: it can be deleted with what is in it.
		if err := client.CoreV1().Namespaces().Delete(t.Context(), "team-a", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		err = wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
			_, err := client.CoreV1().Namespaces().Get(ctx, "team-a", metav1.GetOptions{})
			return apierrors.IsNotFound(err), nil
		})
		if err != nil {
			t.Errorf("%s: the namespace was not deleted: %v", db, err)
		}
		target.stop()
	}

	// The revisions of a server in a cluster begin much higher, and its storage accepts no core
	// objects.
	inCluster := "--db-path=" + filepath.Join(dir, "cluster.db")
	command(t, 0, "import", "--from-file="+manifest(t, dir, "a.yaml", twoAgents), inCluster)
	command(t, 0, "restore", "--bump-revision", inCluster)
	wantTexts(t, quiet(command(t, 1, "import", "--from-file="+file, inCluster, "--secrets")), "left out", "a server in a cluster", "1 Secrets were left out")
}

const coreWorld = `apiVersion: v1
kind: Namespace
metadata: {name: team-a, uid: n-1, labels: {team: a}}
---
apiVersion: v1
kind: Secret
metadata: {name: key, namespace: team-a, uid: s-1}
stringData: {token: hush-hush}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: result
  namespace: team-a
  uid: c-1
  ownerReferences: [{apiVersion: ark.mckinsey.com/v1alpha1, kind: Agent, name: one, uid: a-1}]
data: {a: b}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: theirs, namespace: team-a, uid: c-2}
data: {a: b}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: anyones, namespace: kube-system, uid: c-3}
data: {a: b}
---
apiVersion: ark.mckinsey.com/v1alpha1
kind: Agent
metadata:
  name: one
  namespace: team-a
  uid: a-1
  ownerReferences:
  - {apiVersion: v1, kind: Secret, name: key, uid: s-1}
  - {apiVersion: v1, kind: ConfigMap, name: theirs, uid: c-2}
  - {apiVersion: apps/v1, kind: Deployment, name: other, uid: d-1}
spec: {prompt: One}
`

// TestExportOfCoreObjects checks that the core objects of a standalone server can be exported to
// another API too: namespaces are created, owner references get the new uids or are reported as
// dropped, and the target's own objects stay unchanged.
func TestExportOfCoreObjects(t *testing.T) {
	dir := t.TempDir()
	first := "--db-path=" + filepath.Join(dir, "first.db")
	command(t, 0, "import", "--from-file="+manifest(t, dir, "world.yaml", coreWorld), "--secrets", first)
	target := serveFor(t, "--db-path="+filepath.Join(dir, "target.db"))
	defer target.stop()
	client := coreClient(t, target).CoreV1()
	own := corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "theirs"}, Data: map[string]string{"a": "their own"}}
	if _, err := client.Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-a"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.ConfigMaps("team-a").Create(t.Context(), &own, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	told := ""
	export := func(code int, args ...string) string {
		t.Helper()
		out := command(t, code, append([]string{"export", "--to-kubeconfig=" + target.kubeconfig, first}, args...)...)
		told += out
		return out
	}

	// The target's own objects are unchanged, with or without --secrets.
	wantTexts(t, export(1, "--dry-run"), "secrets: left out: team-a/key", "Namespace team-a: conflict", "metadata.labels.team")
	if list, err := client.Secrets("team-a").List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) > 0 {
		t.Errorf("a dry run wrote %v, %v", list, err)
	}
	namespace, err := client.Namespaces().Get(t.Context(), "team-a", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	namespace.Labels["team"] = "a"
	if _, err := client.Namespaces().Update(t.Context(), namespace, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	wantTexts(t, export(1, "--secrets"), "ConfigMap team-a/theirs: conflict", "ConfigMap kube-system/anyones: skipped",
		"Agent team-a/one: its owner ConfigMap theirs is not brought", "its owner Deployment other is not brought")
	if got, err := client.ConfigMaps("team-a").Get(t.Context(), "theirs", metav1.GetOptions{}); err != nil || got.Data["a"] != "their own" {
		t.Errorf("the target's own ConfigMap is %v, %v", got, err)
	}
	wantTexts(t, export(1, "--secrets", "--verify"), "ConfigMap team-a/theirs: differs in data.a", "1 differences")
	if err := client.ConfigMaps("team-a").Delete(t.Context(), "theirs", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}

	// The transfer is now complete, and stays complete.
	wantTexts(t, export(0, "--secrets"), "created")
	wantTexts(t, export(0, "--secrets"), "unchanged")
	wantTexts(t, export(0, "--secrets", "--verify"), "unchanged")
	wantTexts(t, export(1), "1 Secrets were left out")
	secret, err := client.Secrets("team-a").Get(t.Context(), "key", metav1.GetOptions{})
	if err != nil || string(secret.Data["token"]) != "hush-hush" {
		t.Fatalf("the Secret has %d values, %v", len(secret.Data), err)
	}
	result, err := client.ConfigMaps("team-a").Get(t.Context(), "result", metav1.GetOptions{})
	if err != nil || len(result.OwnerReferences) != 1 || result.OwnerReferences[0].UID == "a-1" {
		t.Errorf("%v, %v: the owner's uid is not the new one", result, err)
	}
	all := command(t, 0, "export", "--to-file=-", "--secrets=false", "--storage=etcd", "--etcd-servers="+target.etcd, "--keys-dir="+target.keys)
	wantTexts(t, all, `"kind":"Secret","name":"key","uid":"`+string(secret.UID)+`"`)
	if strings.Contains(all, "Deployment") {
		t.Error("a reference to what is not there was kept")
	}

	// Objects of an earlier export are updated and deleted, unless they were changed in the target.
	inSource := func(do func(kubernetes.Interface) error) {
		t.Helper()
		source := serveFor(t, first)
		defer source.stop()
		if err := do(coreClient(t, source)); err != nil {
			t.Fatal(err)
		}
	}
	inSource(func(c kubernetes.Interface) error {
		_, err := c.CoreV1().Secrets("team-a").Patch(t.Context(), "key", types.MergePatchType, []byte(`{"stringData":{"token":"hush-anew"}}`), metav1.PatchOptions{})
		return err
	})
	wantTexts(t, export(0, "--secrets"), "updated")
	if secret, err = client.Secrets("team-a").Get(t.Context(), "key", metav1.GetOptions{}); err != nil || string(secret.Data["token"]) != "hush-anew" {
		t.Fatalf("the Secret was not updated, %v", err)
	}
	secret.Data["token"] = []byte("hush-theirs")
	if _, err := client.Secrets("team-a").Update(t.Context(), secret, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	wantTexts(t, export(1, "--secrets"), "Secret team-a/key: conflict", "data.token")
	wantTexts(t, export(1, "--secrets", "--verify"), "Secret team-a/key: differs in data.token")
	inSource(func(c kubernetes.Interface) error {
		return c.CoreV1().ConfigMaps("team-a").Delete(t.Context(), "theirs", metav1.DeleteOptions{})
	})
	wantTexts(t, export(1, "--secrets=false", "--verify"), "ConfigMap team-a/theirs: only in the target")
	wantTexts(t, export(0, "--secrets=false"), "deleted")
	if _, err := client.ConfigMaps("team-a").Get(t.Context(), "theirs", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("what was deleted here is still there: %v", err)
	}
	if strings.Contains(told, "hush") || strings.Contains(told, "aHVzaC") {
		t.Errorf("a secret was told: %s", told)
	}
}
