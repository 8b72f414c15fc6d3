package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// output is a buffer that signals when a text has been written.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
	wait   string
	seen   chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.buffer.Write(p)
	if o.seen != nil && strings.Contains(o.buffer.String(), o.wait) {
		close(o.seen)
		o.seen = nil
	}
	return n, err
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// TestUsageErrors checks that an invalid command line or environment results in exit code 2 and one
// line that names the fault and the fix, and that nothing is started.
func TestUsageErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		env  map[string]string
		want []string
	}{
		{"a typing error", []string{"--db-pth=x"}, nil, []string{"--db-pth", "did you mean --db-path?"}},
		{"after serve too", []string{"serve", "--secure-prot=1"}, nil, []string{"did you mean --secure-port?"}},
		{"nothing near", []string{"--frobnicate"}, nil, []string{"unknown flag --frobnicate", "--help"}},
		{"an unknown command", []string{"severe"}, nil, []string{`unknown command "severe"`, "--help"}},
		{"not a number", []string{"--secure-port=x"}, nil, []string{"--secure-port=x"}},
		{"not a port", []string{"--secure-port=70000"}, nil, []string{"--secure-port=70000", "65535"}},
		{"not an address", []string{"--bind-address=localhost"}, nil, []string{"--bind-address=localhost", "127.0.0.1"}},
		{"an unknown storage", []string{"--storage=oracle"}, nil, []string{"--storage=oracle", "sqlite or postgresql or mysql or etcd"}},
		{"etcd without servers", []string{"--storage=etcd"}, nil, []string{"--etcd-servers"}},
		{"servers without etcd", []string{"--etcd-servers=http://127.0.0.1:1"}, nil, []string{"--storage=etcd"}},
		{"an endpoint with etcd", []string{"--storage=etcd", "--etcd-servers=http://127.0.0.1:1", "--etcd-listen=tcp://127.0.0.1:0"}, nil, []string{"--etcd-listen"}},
		{"half a certificate", []string{"--etcd-listen-cert-file=x"}, nil, []string{"--etcd-listen-key-file"}},
		{"no path", []string{"--db-path="}, nil, []string{"--db-path is empty", "./ark.db"}},
		{"a server without its name", []string{"--storage=postgresql"}, nil, []string{"--db-host", "--db-name", "--db-user", "--db-dsn-file"}},
		{"a server's flag with a file", []string{"--db-host=db"}, nil, []string{"--db-host", "--storage=postgresql"}},
		{"everything twice", []string{"--storage=mysql", "--db-dsn-file=x", "--db-user=ark"}, nil, []string{"--db-user", "--db-dsn-file says that already"}},
		{"two passwords", []string{"--storage=mysql", "--db-host=db", "--db-name=ark", "--db-user=ark", "--db-password-file=x"}, map[string]string{"ARK_DB_PASSWORD": "hush"}, []string{"--db-password-file=x", "ARK_DB_PASSWORD"}},
		{"an unknown TLS mode", []string{"--storage=mysql", "--db-dsn-file=x", "--db-tls-mode=maybe"}, nil, []string{"--db-tls-mode=maybe", "verify-full"}},
		{"too few connections", []string{"--storage=mysql", "--db-dsn-file=x", "--db-max-connections=1"}, nil, []string{"--db-max-connections=1", "5 or more"}},
		{"a backup to nowhere", []string{"backup"}, nil, []string{"--to is missing"}},
		{"nothing to restore", []string{"restore"}, nil, []string{"--from", "--bump-revision"}},
		{"a file for a server", []string{"restore", "--storage=mysql", "--db-dsn-file=x", "--from=y"}, nil, []string{"--from=y", "without --from"}},
		{"a counter going back", []string{"restore", "--from=y", "--bump-revision=-1"}, nil, []string{"--bump-revision=-1"}},
		{"an unknown level", []string{"--log-level=loud"}, nil, []string{"--log-level=loud", "debug"}},
		{"the environment", nil, map[string]string{"ARK_SECURE_PORT": "x"}, []string{"ARK_SECURE_PORT=x", "--secure-port"}},
		{"the environment's choice", nil, map[string]string{"ARK_STORAGE": "oracle"}, []string{"--storage=oracle"}},
		{"an unknown mode", []string{"--mode=clustered"}, nil, []string{"--mode=clustered", "standalone or aggregated"}},
		{"no certificate in a cluster", []string{"--mode=aggregated"}, nil, []string{"--tls-cert-file", "--tls-private-key-file", "<service>.<namespace>.svc"}},
		{"a cluster's flag alone", []string{"--shutdown-delay-duration=-1s", "--kubeconfig=x"}, nil, []string{"--kubeconfig=x", "--mode=aggregated"}},
		{"half a certificate", []string{"--tls-cert-file=x"}, nil, []string{"--tls-cert-file", "--tls-private-key-file"}},
		{"an issuer without a client", []string{"--oidc-issuer-url=https://x"}, nil, []string{"--oidc-issuer-url", "--oidc-client-id"}},
		{"a console's issuer without a client", []string{"--console-oidc-issuer-url=https://x"}, nil, []string{"--console-oidc-issuer-url", "--console-oidc-client-id"}},
		{"a console's issuer without TLS", []string{"--console-oidc-issuer-url=http://x", "--console-oidc-client-id=a"}, nil, []string{"--console-oidc-issuer-url=http://x", "https"}},
		{"an issuer of no console", []string{"--console=off", "--console-oidc-client-id=a"}, nil, []string{"--console-oidc-", "--console=off"}},
		{"two words on users", []string{"--oidc-issuer-url=https://x", "--oidc-client-id=a", "--authentication-config=f"}, nil, []string{"--authentication-config=f", "--oidc-"}},
		{"users from outside in a cluster", aggregatedArgs("--authentication-config=f"), nil, []string{"--authentication-config=f", "from the cluster"}},
		{"an audit log of nothing", []string{"--audit-log-path=-"}, nil, []string{"--audit-policy-file"}},
		{"a token of nobody", []string{"token", "create"}, nil, []string{"--user"}},
		{"a token without an ID", []string{"token", "revoke"}, nil, []string{"token list"}},
		{"a token's life", []string{"token", "create", "--user=a", "--ttl=-1s"}, nil, []string{"--ttl=-1s", "24h"}},
		{"a key of one's own", []string{"secrets", "rotate-key", "--encryption-provider-config=f"}, nil, []string{"--encryption-provider-config=f", "the first"}},
		{"a standalone flag in a cluster", aggregatedArgs("--tls-san=x"), nil, []string{"--tls-san=x", "--tls-cert-file"}},
		{"an unknown plugin", aggregatedArgs("--disable-admission-plugins=PodSecurity"), nil, []string{"PodSecurity", "NamespaceLifecycle or "}},
		{"an audit log without policy", aggregatedArgs("--audit-log-path=-"), nil, []string{"--audit-policy-file", "level Metadata"}},
		{"an audit policy without log", aggregatedArgs("--audit-policy-file=p.yaml"), nil, []string{"--audit-policy-file=p.yaml", "--audit-log-path"}},
		{"a negative delay", aggregatedArgs("--shutdown-delay-duration=-1s"), nil, []string{"--shutdown-delay-duration", "10s"}},
		{"no size", []string{"--max-object-size=large"}, nil, []string{"--max-object-size=large", "1536Ki"}},
		{"a size too small", []string{"--max-object-size=1Ki"}, nil, []string{"--max-object-size=1Ki", "64Ki to 16Mi"}},
		{"a size too large", []string{"import", "--from-file=x", "--max-object-size=17Mi"}, nil, []string{"--max-object-size=17Mi", "64Ki to 16Mi"}},
		{"two at once", []string{"--storage=oracle", "--v=11"}, nil, []string{"--storage=oracle", "--v=11"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			checkFailure(t, c.args, 2, c.want)
			left, err := os.ReadDir(".")
			if err != nil || len(left) > 0 {
				t.Errorf("something was made: %v, %v", left, err)
			}
		})
	}
}

func aggregatedArgs(more ...string) []string {
	return append([]string{"--mode=aggregated", "--tls-cert-file=c", "--tls-private-key-file=k"}, more...)
}

func checkFailure(t *testing.T, args []string, code int, want []string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if got := run(context.Background(), args, &stdout, &stderr); got != code {
		t.Errorf("exit code %d, want %d", got, code)
	}
	for _, text := range want {
		if !strings.Contains(stderr.String(), text) {
			t.Errorf("%q does not tell %q", stderr.String(), text)
		}
	}
	if strings.Count(stderr.String(), "\n") != 1 || stdout.Len() > 0 {
		t.Errorf("more than one line: %q %q", stdout.String(), stderr.String())
	}
}

// TestStartFailures checks that a failed start results in exit code 1 and one line with the flag
// and the fix.
func TestStartFailures(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	damaged := filepath.Join(dir, "damaged.keys")
	if err := os.Mkdir(damaged, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(damaged, "ca.crt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	db := "--db-path=" + filepath.Join(dir, "ark.db")
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"a folder", []string{"--db-path=" + dir}, []string{"--db-path=" + dir, "folder"}},
		{"no folder", []string{"--db-path=" + filepath.Join(dir, "none", "ark.db")}, []string{"--db-path=", "mkdir"}},
		{"not a database", []string{"--db-path=" + text}, []string{"--db-path=" + text, "not an SQLite database"}},
		{"a port in use", []string{db, "--secure-port=" + port}, []string{"--secure-port=" + port, "another program listens on 127.0.0.1:" + port}},
		{"a foreign address", []string{db, "--bind-address=192.0.2.1"}, []string{"--bind-address=192.0.2.1", "no such address"}},
		{"an endpoint for all", []string{db, "--etcd-listen=tcp://0.0.0.0:0"}, []string{"--etcd-listen=tcp://0.0.0.0:0", "loopback"}},
		{"no certificate", []string{db, "--etcd-listen-cert-file=none", "--etcd-listen-key-file=none"}, []string{"--etcd-listen-cert-file=none"}},
		{"not a URL", []string{"--storage=etcd", "--etcd-servers=127.0.0.1"}, []string{"--etcd-servers", "http://127.0.0.1:2379"}},
		{"damaged keys", []string{db, "--keys-dir=" + damaged}, []string{"--keys-dir=" + damaged, "remove"}},
		{"no cluster", aggregatedArgs(db), []string{"--mode=aggregated", "not running in a pod", "--kubeconfig", "--mode=standalone"}},
		{"no such kubeconfig", aggregatedArgs(db, "--kubeconfig="+filepath.Join(dir, "none")), []string{"--kubeconfig=" + filepath.Join(dir, "none"), "no such file"}},
		{"no place for the kubeconfig", []string{db, "--kubeconfig-out=" + filepath.Join(dir, "none", "config")}, []string{"--kubeconfig-out"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := c.args
			if !strings.Contains(strings.Join(args, " "), "--secure-port") {
				args = append(args, "--secure-port=0")
			}
			checkFailure(t, args, 1, c.want)
		})
	}
	if content, err := os.ReadFile(text); err != nil || !strings.HasPrefix(string(content), "not a database") {
		t.Error("the file that is no database was changed")
	}
}

// TestServe runs the server from start to end, configured from the environment.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("ARK_DB_PATH", filepath.Join(dir, "ark.db"))
	t.Setenv("ARK_SECURE_PORT", "0")
	t.Setenv("ARK_ETCD_LISTEN", "unix://"+filepath.Join(dir, "etcd.sock"))
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	seen := make(chan struct{})
	stdout := &output{wait: "get agents", seen: seen}
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() { code <- run(ctx, nil, stdout, &stderr) }()
	select {
	case <-seen:
	case c := <-code:
		t.Fatalf("ended with %d: %s", c, stderr.String())
	case <-time.After(time.Minute):
		t.Fatalf("not ready: %s", stdout)
	}
	kubeconfig := filepath.Join(dir, "admin.kubeconfig")
	for _, want := range []string{"kubectl --kubeconfig " + kubeconfig + " get agents", "sqlite in " + filepath.Join(dir, "ark.db"), "etcd.sock", "https://127.0.0.1:"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the start-up lines do not tell %q:\n%s", want, stdout)
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Discovery().ServerVersion(); err != nil {
		t.Error(err)
	}
	// A second process on the same database gets an error that says so.
	checkFailure(t, []string{"--etcd-listen="}, 1, []string{"--db-path=" + filepath.Join(dir, "ark.db")})
	stop()
	if got := <-code; got != 0 {
		t.Errorf("exit code %d: %s", got, stderr.String())
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--help"}, []string{"--db-path", "ARK_DB_PATH", "Commands:", "version"}},
		{[]string{"--help-all"}, []string{"Storage:", "Serving:", "Logging:", "--db-path", "ARK_DB_PATH", "Commands:", "version"}},
		{[]string{"help"}, []string{"--storage", "Commands:"}},
		{[]string{"serve", "--help"}, []string{"--secure-port"}},
		{[]string{"version"}, []string{"ark-server ", "Kubernetes v1."}},
		{[]string{"completion", "bash"}, []string{"ark-server"}},
		{[]string{"completion", "zsh"}, []string{"#compdef ark-server"}},
		{[]string{"completion", "fish"}, []string{"complete -c ark-server"}},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(context.Background(), c.args, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
			t.Errorf("%v: exit code %d, %s", c.args, code, stderr.String())
		}
		for _, want := range c.want {
			if !strings.Contains(stdout.String(), want) {
				t.Errorf("%v does not tell %q:\n%s", c.args, want, stdout.String())
			}
		}
	}
}
