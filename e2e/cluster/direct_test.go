package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

const directRules = `
{apiVersion: v1, kind: Namespace, metadata: {name: direct}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: aside}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: boss, namespace: direct}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: robot, namespace: direct}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: spare, namespace: direct}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: direct-boss}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}, subjects: [{kind: ServiceAccount, name: boss, namespace: direct}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: robot, namespace: direct}, rules: [{apiGroups: [ark.mckinsey.com], resources: [agents], verbs: [get, list]}, {apiGroups: [""], resources: [configmaps], verbs: [get, list]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: robot, namespace: direct}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: robot}, subjects: [{kind: ServiceAccount, name: robot, namespace: direct}, {kind: ServiceAccount, name: spare, namespace: direct}]}
`

// TestDirect is the server as the only API server that its clients know.
func TestDirect(t *testing.T) {
	log, recorded := auditArgs(t)
	e := newEnv(t, component.ClusterOptions{}, append(recorded, "--direct")...)
	e.apply(t, directRules, "apply", "-f", "-")
	d := &directEnv{env: e, auditLog: log, boss: e.directUser(t, "boss"), robot: e.directUser(t, "robot")}
	t.Run("One kubeconfig", d.oneKubeconfig)
	t.Run("Discovery without an APIService", d.unregistered)
	t.Run("Rights", d.rights)
	t.Run("Rights to single names", d.names)
	t.Run("Watches from the past", d.gone)
	t.Run("Certificates", d.certificates)
	t.Run("Nobody's headers", d.headers)
	t.Run("Audit", d.audit)
	t.Run("Upgrades", d.upgrades)
	t.Run("Kept CRDs", d.keptCRDs)
	t.Run("Revoked", d.revoked)
	t.Run("Without kube-apiserver", d.outage)
}

type directEnv struct {
	*env
	// boss may do everything, robot read agents and config maps; both know the direct endpoint only.
	boss, robot *rest.Config
	auditLog    string
}

// directUser is a service account of the namespace direct at the direct endpoint.
func (e *env) directUser(t *testing.T, account string) *rest.Config {
	t.Helper()
	config := rest.CopyConfig(e.ark.Direct)
	config.ServerName = "" // localhost, as the address says
	config.Host = strings.Replace(config.Host, "127.0.0.1", "localhost", 1)
	config.BearerToken = strings.TrimSpace(e.run(t, "-n", "direct", "create", "token", account, "--duration=2h"))
	return config
}

// oneKubeconfig: kubectl needs no other server.
func (d *directEnv) oneKubeconfig(t *testing.T) {
	k := d.kubectlFor(t, d.boss)
	must := func(stdin string, args ...string) string {
		t.Helper()
		r := try(t, k, stdin, args...)
		if r.Code != 0 {
			t.Fatalf("kubectl %v: %s", args, r.Stderr)
		}
		return r.Stdout
	}
	watch, err := k.Start("-n", "direct", "get", "secrets", "-w", "--output-watch-events")
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Kill()
	must(agent("here"), "-n", "direct", "create", "-f", "-")
	must("", "-n", "direct", "create", "secret", "generic", "there", "--from-literal=a=b")
	must("", "-n", "direct", "run", "idle", "--image=none") // no node runs it
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := watch.WaitStdout(ctx, regexp.MustCompile(`ADDED\s+there`)); err != nil {
		t.Errorf("a watch of secrets: %v", err)
	}
	for _, c := range []struct {
		args []string
		text []string
	}{
		{[]string{"-n", "direct", "get", "agents,secrets"}, []string{"agent.ark.mckinsey.com/here", "secret/there"}},
		{[]string{"-n", "direct", "get", "pods,agents"}, []string{"pod/idle", "agent.ark.mckinsey.com/here"}},
		{[]string{"api-resources", "--cached=false"}, []string{"agents", "deployments", "queries"}},
		{[]string{"explain", "agent.spec.prompt"}, []string{"prompt <string>"}},
		{[]string{"explain", "deployment.spec.replicas"}, []string{"replicas <integer>"}},
		{[]string{"version"}, []string{strings.TrimSpace(regexp.MustCompile(`Server Version: .*`).FindString(d.run(t, "version")))}},
		{[]string{"auth", "whoami"}, []string{"system:serviceaccount:direct:boss"}},
		{[]string{"-n", "direct", "create", "token", "robot"}, []string{"ey"}},
		{[]string{"-n", "direct", "get", "agent", "here", "--as=system:serviceaccount:direct:robot"}, []string{"here"}},
		{[]string{"-n", "direct", "get", "configmaps", "--as=system:serviceaccount:direct:robot"}, []string{"kube-root-ca.crt"}},
		{[]string{"-n", "direct", "describe", "agent", "here"}, []string{"You are brief"}},
	} {
		out := must("", c.args...)
		for _, text := range c.text {
			if !strings.Contains(out, text) {
				t.Errorf("kubectl %v: no %q in %s", c.args, text, out)
			}
		}
	}
	must("", "-n", "direct", "delete", "agent/here", "secret/there", "pod/idle", "--force", "--grace-period=0")
}

// unregistered: what the cluster does not list is added to its lists.
func (d *directEnv) unregistered(t *testing.T) {
	d.run(t, "delete", "apiservice", "v1alpha1.ark.mckinsey.com", "v1prealpha1.ark.mckinsey.com")
	defer d.register(t, false)
	eventually(t, "a cluster that does not know Ark", func() error {
		if strings.Contains(d.run(t, "get", "--raw=/apis"), `"name":"ark.mckinsey.com"`) {
			return errors.New("it lists the group")
		}
		return nil
	})
	k := d.kubectlFor(t, d.boss)
	for _, args := range [][]string{{"api-resources", "--cached=false"}, {"get", "--raw=/openapi/v3"}, {"get", "--raw=/apis"}} {
		r := try(t, k, "", args...)
		if r.Code != 0 || !strings.Contains(r.Stdout, "ark.mckinsey.com") || !strings.Contains(r.Stdout, "apps/v1") {
			t.Errorf("kubectl %v: %.500s%s", args, r.Stdout, r.Stderr)
		}
	}
	if r := try(t, k, "", "-n", "direct", "get", "agents,configmaps"); r.Code != 0 {
		t.Error(r.Stderr)
	}
}

// rights: the direct endpoint gives nobody a right that kube-apiserver does not, and takes none.
func (d *directEnv) rights(t *testing.T) {
	throughCluster := rest.CopyConfig(d.robot)
	throughCluster.Host, throughCluster.CAData = d.cluster.URL, d.cluster.Config.CAData
	direct, through := d.kubectlFor(t, d.robot), d.kubectlFor(t, throughCluster)
	for _, args := range [][]string{
		{"-n", "direct", "get", "agents"}, {"-n", "direct", "get", "configmaps"}, {"-n", "direct", "get", "secrets"},
		{"-n", "direct", "get", "queries"}, {"-n", "aside", "get", "agents"}, {"-n", "aside", "get", "configmaps"},
		{"get", "nodes"}, {"-n", "direct", "create", "configmap", "x"}, {"-n", "direct", "get", "agents", "--as=admin"},
		{"-n", "direct", "get", "configmaps", "--as=admin"}, {"-n", "direct", "get", "configmaps", "--as-group=system:masters", "--as=x"},
		{"-n", "direct", "get", "agents", "--as-group=system:masters", "--as=x"}, {"-n", "direct", "auth", "can-i", "delete", "agents"},
		{"-n", "direct", "auth", "can-i", "list", "configmaps"}, {"get", "--raw=/metrics"},
	} {
		a, b := try(t, direct, "", args...), try(t, through, "", args...)
		if a.Code != b.Code || firstLine(a.Stderr) != firstLine(b.Stderr) {
			t.Errorf("kubectl %v: %d %s, and through kube-apiserver %d %s", args, a.Code, a.Stderr, b.Code, b.Stderr)
		}
	}
}

// names: who may reach one object by its name gets that one, and no right to the others comes of
// it.
func (d *directEnv) names(t *testing.T) {
	d.apply(t, `{apiVersion: v1, kind: ServiceAccount, metadata: {name: single, namespace: direct}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: single, namespace: direct}, rules: [{apiGroups: [ark.mckinsey.com], resources: [agents], resourceNames: [mine], verbs: [get, delete]}, {apiGroups: [ark.mckinsey.com], resources: [agents], verbs: [create]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: single, namespace: direct}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: single}, subjects: [{kind: ServiceAccount, name: single, namespace: direct}]}
`, "apply", "-f", "-")
	k := d.kubectlFor(t, d.directUser(t, "single"))
	for _, name := range []string{"mine", "other"} {
		if r := try(t, k, agent(name), "-n", "direct", "create", "--validate=false", "-f", "-"); r.Code != 0 {
			t.Fatal(r.Stderr)
		}
	}
	if r := try(t, k, "", "-n", "direct", "get", "agent", "mine"); r.Code != 0 {
		t.Error(r.Stderr)
	}
	for _, args := range [][]string{{"get", "agent", "other"}, {"delete", "agent", "other"}, {"get", "agents"}} {
		refuse(t, k, []string{"Forbidden", "single"}, "", append([]string{"-n", "direct"}, args...)...)
	}
	if r := try(t, k, "", "-n", "direct", "delete", "agent", "mine"); r.Code != 0 {
		t.Error(r.Stderr)
	}
	d.run(t, "-n", "direct", "delete", "agent", "other")
}

// gone: a watch of Ark's from a moment that is gone gets 410; a moment of the cluster's is the
// cluster's to refuse.
func (d *directEnv) gone(t *testing.T) {
	watch := d.send(t, d.boss, "/apis/ark.mckinsey.com/v1alpha1/namespaces/direct/agents?watch=1&resourceVersion=1&timeoutSeconds=5", nil)
	text, err := io.ReadAll(watch.Body)
	watch.Body.Close()
	if err != nil || watch.StatusCode != http.StatusGone && !strings.Contains(string(text), `"code":410`) {
		t.Errorf("a watch of agents: %d %s %v", watch.StatusCode, text, err)
	}
	own := rest.CopyConfig(d.boss)
	own.Host, own.CAData = d.cluster.URL, d.cluster.Config.CAData
	for _, query := range []string{"continue=nonsense&limit=1", "resourceVersion=-1"} {
		path := "/api/v1/namespaces/direct/configmaps?" + query
		code, body := d.get(t, d.boss, path, nil)
		if theirCode, theirs := d.get(t, own, path, nil); code != theirCode || body != theirs || code < 400 {
			t.Errorf("%s: %d %s, and of kube-apiserver %d %s", path, code, body, theirCode, theirs)
		}
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return regexp.MustCompile(`https://\S+`).ReplaceAllString(line, "URL")
}

// certificates: they are good for Ark's groups, and no more.
func (d *directEnv) certificates(t *testing.T) {
	user := rest.CopyConfig(d.boss)
	user.BearerToken = ""
	user.CertData, user.KeyData = d.cluster.Config.CertData, d.cluster.Config.KeyData
	code, body := d.get(t, user, "/apis/ark.mckinsey.com/v1alpha1/namespaces/direct/agents", nil)
	if code != http.StatusOK {
		t.Errorf("agents: %d %s", code, body)
	}
	for _, path := range []string{"/api/v1/namespaces/direct/secrets", "/apis/apps/v1", "/version", "/"} {
		code, body := d.get(t, user, path, nil)
		if code != http.StatusForbidden || !strings.Contains(body, "bearer token") {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, body := d.get(t, user, "/apis", nil); code != http.StatusOK || !strings.Contains(body, "ark.mckinsey.com") || strings.Contains(body, `"apps"`) {
		t.Errorf("/apis: %d %s", code, body)
	}
}

// headers checks that a client that names a user in the aggregator's headers is anonymous.
func (d *directEnv) headers(t *testing.T) {
	nobody := rest.CopyConfig(d.boss)
	nobody.BearerToken = ""
	forged := http.Header{"X-Remote-User": {"admin"}, "X-Remote-Group": {"system:masters"}}
	for path, want := range map[string]int{
		"/api/v1/namespaces/direct/secrets":                           http.StatusForbidden, // kube-apiserver's answer to the anonymous
		"/apis/ark.mckinsey.com/v1alpha1/namespaces/direct/agents":    http.StatusUnauthorized,
		"//apis/ark.mckinsey.com/../../api/v1/secrets":                http.StatusForbidden,
		"/apis/ark.mckinsey.com/../../api/v1/namespaces/x/configmaps": http.StatusUnauthorized,
	} {
		if code, body := d.get(t, nobody, path, forged); code != want {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, body := d.get(t, d.robot, "/api/v1/namespaces/direct/secrets", forged); code != http.StatusForbidden {
		t.Errorf("secrets with a token: %d %s", code, body)
	}
}

// get sends a request as it is, without following redirects.
func (d *directEnv) get(t *testing.T, user *rest.Config, path string, header http.Header) (int, string) {
	t.Helper()
	answer := d.send(t, user, path, header)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func (d *directEnv) post(t *testing.T, user *rest.Config, path, body string) (int, string) {
	t.Helper()
	client, err := rest.HTTPClientFor(user)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Post(user.Host+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func (d *directEnv) send(t *testing.T, user *rest.Config, path string, header http.Header) *http.Response {
	t.Helper()
	config, err := user.TransportConfig()
	if err != nil {
		t.Fatal(err)
	}
	way, err := transport.New(config)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, user.Host, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(path, "?")
	for name, values := range header {
		r.Header[name] = values
	}
	answer, err := way.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// audit: the cluster's record of a forwarded request has the id that its client gets.
func (d *directEnv) audit(t *testing.T) {
	answer := d.send(t, d.boss, "/api/v1/namespaces/direct/configmaps?limit=3", http.Header{"Audit-Id": {"direct-audit-1"}, "User-Agent": {"direct-test"}})
	answer.Body.Close()
	if got := answer.Header.Get("Audit-Id"); got != "direct-audit-1" {
		t.Errorf("the answer's id is %q", got)
	}
	eventually(t, "the cluster's record", func() error {
		found := readAudit(t, d.cluster.AuditLog, func(a auditEvent) bool { return a.AuditID == "direct-audit-1" })
		if len(found) != 1 || found[0].User.Username != "system:serviceaccount:direct:boss" || found[0].UserAgent != "direct-test" {
			return fmt.Errorf("%+v", found)
		}
		return nil
	})
	own := d.send(t, d.boss, "/apis/ark.mckinsey.com/v1alpha1/namespaces/direct/agents", http.Header{"Audit-Id": {"direct-audit-2"}})
	own.Body.Close()
	eventually(t, "ark-server's own record", func() error {
		found := readAudit(t, d.auditLog, func(a auditEvent) bool { return a.AuditID == "direct-audit-2" })
		if own.Header.Get("Audit-Id") != "direct-audit-2" || len(found) != 1 || found[0].User.Username != "system:serviceaccount:direct:boss" {
			return fmt.Errorf("%+v", found)
		}
		return nil
	})
}

// upgrades reach kube-apiserver, whose answer comes back.
func (d *directEnv) upgrades(t *testing.T) {
	r := try(t, d.kubectlFor(t, d.boss), "", "-n", "direct", "exec", "nobody", "--", "true")
	if r.Code == 0 || !strings.Contains(r.Stderr, `pods "nobody" not found`) {
		t.Errorf("exec: %s", r.Stderr)
	}
	header := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Origin": {"https://localhost"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}}
	old := rest.CopyConfig(d.boss)
	old.NextProtos = []string{"http/1.1"}
	answer := d.send(t, old, "/api/v1/namespaces/direct/configmaps?watch=1", header)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("a watch over a WebSocket: %s", answer.Status)
	}
}

// keptCRDs: the install page's policy keeps a script from deleting them.
func (d *directEnv) keptCRDs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(d.root, "docs", "operations", "install.md"))
	if err != nil {
		t.Fatal(err)
	}
	policy := regexp.MustCompile("(?ms)^```yaml\n(apiVersion: admissionregistration.*?)^```$").FindSubmatch(page)
	if policy == nil {
		t.Fatal("the page has no policy")
	}
	if err := component.InstallCRDs(t.Context(), d.cluster.Config); err != nil {
		t.Fatal(err)
	}
	d.apply(t, string(policy[1]), "apply", "-f", "-")
	const crd = "crd/agents.ark.mckinsey.com"
	eventually(t, "the policy", func() error {
		r := try(t, d.kubectl, "", "delete", crd, "--dry-run=server")
		if r.Code == 0 || !strings.Contains(r.Stderr, "the way back") {
			return fmt.Errorf("%d %s", r.Code, r.Stderr)
		}
		return nil
	})
	d.run(t, "label", crd, "ark.mckinsey.com/may-be-deleted=yes")
	d.run(t, "delete", crd)
	refuse(t, d.kubectl, []string{"ark.mckinsey.com/may-be-deleted=yes"}, "", "delete", "crd", "queries.ark.mckinsey.com")
	d.run(t, "delete", "validatingadmissionpolicybinding/ark-keep-crds", "validatingadmissionpolicy/ark-keep-crds")
}

// revoked: an account that is deleted is nobody after 10 s, on both sides.
func (d *directEnv) revoked(t *testing.T) {
	spare := d.directUser(t, "spare")
	path := "/apis/ark.mckinsey.com/v1alpha1/namespaces/direct/agents"
	if code, body := d.get(t, spare, path, nil); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	// kube-apiserver has accepted it just now, too, and keeps that for 10 s.
	if code, body := d.get(t, spare, "/api/v1/namespaces/direct/configmaps", nil); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	time.Sleep(9500 * time.Millisecond) // what was asked then is old now, and is asked again
	if code, body := d.get(t, spare, path, nil); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	d.run(t, "-n", "direct", "delete", "serviceaccount", "spare")
	since := time.Now()
	eventually(t, "the end of a token", func() error {
		if code, _ := d.get(t, spare, path, nil); code != http.StatusUnauthorized {
			return fmt.Errorf("%d", code)
		}
		return nil
	})
	t.Logf("refused %s after the account was deleted", time.Since(since).Round(time.Millisecond))
	if took := time.Since(since); took > 10*time.Second {
		t.Errorf("the token was good for %s", took)
	}
}

// outage: without kube-apiserver those whom it has confirmed go on with Ark's objects, longer than
// answers are cached.
func (d *directEnv) outage(t *testing.T) {
	k := d.kubectlFor(t, d.boss)
	write := func(name string) error {
		if r := try(t, k, agent(name), "-n", "direct", "create", "--validate=false", "-f", "-"); r.Code != 0 {
			return errors.New(r.Stderr)
		}
		return nil
	}
	if err := write("before"); err != nil {
		t.Fatal(err)
	}
	if code, body := fetch(t, d.boss, "/metrics"); code != http.StatusOK || !strings.Contains(body, "\nark_direct_cluster_silent 0\n") || !strings.Contains(body, `ark_direct_requests_total{outcome="2xx"}`) {
		t.Errorf("metrics: %d", code)
	}
	path := "/apis/ark.mckinsey.com/v1alpha1/namespaces/direct/agents/before"
	if code, body := d.get(t, d.boss, path, nil); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	watch := d.send(t, d.boss, "/apis/ark.mckinsey.com/v1alpha1/namespaces/direct/agents?watch=1", nil)
	defer watch.Body.Close()
	d.cluster.API.Kill()
	begin := time.Now()
	for n := 0; time.Since(begin) < time.Minute; n++ {
		if code, body := d.get(t, d.boss, path, nil); code != http.StatusOK {
			t.Fatalf("after %s: %d %s", time.Since(begin), code, body)
		}
		// New objects too: a right to all of a resource counts for names that nobody has asked about.
		if code, body := d.post(t, d.boss, "/apis/ark.mckinsey.com/v1alpha1/namespaces/direct/agents",
			fmt.Sprintf(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"out-%d"},"spec":{}}`, n)); code != http.StatusCreated {
			t.Fatalf("a write after %s: %d %s", time.Since(begin), code, body)
		}
		if code, body := fetch(t, d.boss, "/readyz"); code != http.StatusOK {
			t.Fatalf("ready after %s: %d %s", time.Since(begin), code, body)
		}
		time.Sleep(500 * time.Millisecond)
	}
	t.Logf("reads and writes went on for %s", time.Since(begin).Round(time.Second))
	seen := make([]byte, 1)
	if _, err := watch.Body.Read(seen); err != nil {
		t.Errorf("the watch has ended: %v", err)
	}
	if code, body := fetch(t, d.boss, "/metrics"); code != http.StatusOK || !strings.Contains(body, "\nark_direct_cluster_silent 1\n") {
		t.Errorf("the metrics do not say it: %d", code)
	}
	for _, core := range []string{"/api/v1/namespaces/direct/secrets", "/apis", "/openapi/v3"} {
		if code, body := d.get(t, d.boss, core, nil); code != http.StatusServiceUnavailable || !strings.Contains(body, "kube-apiserver does not answer") {
			t.Errorf("%s: %d %s", core, code, body)
		}
	}
	// Nobody whom the cluster has not confirmed gets in.
	stranger := rest.CopyConfig(d.boss)
	stranger.BearerToken = "stranger"
	if code, body := d.get(t, stranger, path, nil); code != http.StatusUnauthorized {
		t.Errorf("a stranger: %d %s", code, body)
	}
	if code, _ := d.get(t, d.robot, "/apis/ark.mckinsey.com/v1alpha1/namespaces/aside/agents", nil); code == http.StatusOK {
		t.Error("a right that nobody has granted")
	}
	if log := d.ark.Stderr(); !strings.Contains(log, "kube-apiserver does not answer") {
		t.Errorf("the log does not say it: %s", log)
	}
}
