package stop

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

var inCluster = flag.Bool("cluster", false, "also stop servers in a real control plane, whose build takes 20 minutes of processor time")

// newAggregatedTrial is a place for servers in the cluster of a kubeconfig.
func newAggregatedTrial(t *testing.T, name, kubeconfig string) *trial {
	t.Helper()
	dir := t.TempDir()
	ca, err := component.NewAuthority(dir, "ark-ca")
	if err != nil {
		t.Fatal(err)
	}
	serving, err := ca.Serving("ark-server", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	return &trial{name: name, options: component.ArkOptions{Dir: t.TempDir(), Args: []string{
		"--mode=aggregated", "--kubeconfig=" + kubeconfig, "--bind-address=127.0.0.1", "--shutdown-delay-duration=0",
		"--tls-cert-file=" + serving.CertFile, "--tls-private-key-file=" + serving.KeyFile}}}
}

// kubeconfigOf writes the way to a kube-apiserver.
func kubeconfigOf(t *testing.T, url string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := component.WriteKubeconfig(path, &rest.Config{Host: url, BearerToken: "any"}); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestStopWithoutCluster stops servers that wait for a kube-apiserver: one that is not there, one
// that accepts connections and never answers, and one that answers only the request for its
// version.
func TestStopWithoutCluster(t *testing.T) {
	t.Logf("-seed=%d", *seed)
	random := rand.New(rand.NewPCG(*seed, 1))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	absent := "https://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	mute := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/version" {
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"major":"1","minor":"34","gitVersion":"v1.34.0"}`)
	}))
	t.Cleanup(mute.Close)
	for name, url := range map[string]string{
		"a kube-apiserver that is not there":                  absent,
		"a kube-apiserver that does not answer":               fmt.Sprintf("https://127.0.0.1:%d", silent(t)),
		"a kube-apiserver that answers no more than /version": mute.URL,
	} {
		t.Run(name, func(t *testing.T) {
			s := newAggregatedTrial(t, name, kubeconfigOf(t, url))
			s.start, s.never = time.Second, true
			for range 6 {
				s.stopAt(t, time.Duration(random.Int64N(int64(5*time.Second))), signalOf(random))
			}
		})
	}
}

// TestStopBeforeAHungCluster stops servers whose kube-apiserver, a real one, has just stopped
// answering: at moments of their start, and when they are ready.
func TestStopBeforeAHungCluster(t *testing.T) {
	if !*inCluster {
		t.Skip("needs a control plane: make e2e-heavy runs it, with -cluster")
	}
	t.Logf("-seed=%d", *seed)
	random := rand.New(rand.NewPCG(*seed, 2))
	if err := component.BuildBinaries("etcd", "kubectl", "kube-apiserver", "kube-controller-manager", "helm"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cluster, err := component.StartCluster(ctx, component.ClusterOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cluster.API.Signal(syscall.SIGCONT) // a test that fails leaves it suspended
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	hosting, err := component.Host(ctx, cluster, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := newAggregatedTrial(t, "aggregated", hosting.Kubeconfig)
	begin := time.Now()
	p := s.launch(t)
	for !strings.Contains(p.Stdout(), "is ready") {
		if time.Since(begin) > patience {
			p.Kill()
			t.Fatalf("not ready: %s", p.Stderr())
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.start = time.Since(begin)
	if err := p.Stop(); err != nil || p.ExitCode() != 0 {
		t.Errorf("%v, exit code %d: %s", err, p.ExitCode(), p.Stderr())
	}
	for range 12 {
		hung := time.AfterFunc(time.Duration(random.Int64N(int64(s.start*5/4))), func() { cluster.API.Signal(syscall.SIGSTOP) })
		s.stopAt(t, time.Duration(random.Int64N(int64(s.start*2))), signalOf(random))
		hung.Stop()
		cluster.API.Signal(syscall.SIGCONT)
	}
}
