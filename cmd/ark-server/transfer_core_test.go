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

// What a standalone server keeps besides Ark's objects is moved by a file and from the running server, and served again.
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

	// The storage of a server in a cluster begins far above, and takes none of it.
	inCluster := "--db-path=" + filepath.Join(dir, "cluster.db")
	command(t, 0, "import", "--from-file="+manifest(t, dir, "a.yaml", twoAgents), inCluster)
	command(t, 0, "restore", "--bump-revision", inCluster)
	wantTexts(t, quiet(command(t, 1, "import", "--from-file="+file, inCluster, "--secrets")), "left out", "a server in a cluster", "1 Secrets were left out")
	wantTexts(t, command(t, 2, "export", "--to-kubeconfig=x", "--secrets", first), "--secrets", "--to-file")
}
