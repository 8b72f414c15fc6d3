package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"abc", "abc", 0}, {"abc", "axc", 1}, {"ab", "ba", 1},
		{"secure-prot", "secure-port", 1}, {"sevre", "serve", 1}, {"kitten", "sitting", 3},
	} {
		if got := edits(c.a, c.b); got != c.want {
			t.Errorf("edits(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// TestMistypedNames checks that a mistyped name is reported together with the intended one, in one
// line.
func TestMistypedNames(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--db-pth=x"}, "unknown flag --db-pth: did you mean --db-path?"},
		{[]string{"-storage=sqlite"}, "unknown flag -storage: did you mean --storage?"},
		{[]string{"import", "--from-fiel=x"}, "unknown flag --from-fiel: did you mean --from-file?"},
		{[]string{"--storage=sqllite"}, "--storage=sqllite: did you mean sqlite?"},
		{[]string{"--storage=postgres"}, "did you mean postgresql?"},
		{[]string{"--mode=agregated"}, "did you mean aggregated?"},
		{[]string{"--log-level=warning"}, "did you mean warn?"},
		{[]string{"--log-format=jsn"}, "did you mean json?"},
		{[]string{"--db-synchronous=ful"}, "did you mean full?"},
		{[]string{"--storage=mysql", "--db-dsn-file=x", "--db-tls-mode=verifyfull"}, "did you mean verify-full?"},
		{[]string{"export", "--to-file=x", "--format=yml"}, "did you mean yaml?"},
		{aggregatedArgs("--disable-admission-plugins=NamespaceLifecicle"), "did you mean NamespaceLifecycle?"},
		{[]string{"sevre"}, `unknown command "sevre": did you mean serve?`},
		{[]string{"migrate", "staus"}, "did you mean status?"},
	} {
		checkFailure(t, c.args, 2, []string{c.want})
	}
	var out, err bytes.Buffer
	run(context.Background(), []string{"--frobnicate"}, &out, &err)
	if strings.Contains(err.String(), "did you mean") {
		t.Errorf("something is suggested that is not near: %s", err.String())
	}
}

// TestChatWithoutTLS checks that beyond loopback, keys and answers are sent without TLS only if the
// operator has explicitly set that.
func TestChatWithoutTLS(t *testing.T) {
	for address, refused := range map[string]bool{
		"127.0.0.1:0": false, "[::1]:0": false, "localhost:0": false, "0.0.0.0:0": true, ":0": true, "[::]:0": true, "10.0.0.7:8080": true, "example.com:80": true,
	} {
		for _, public := range []bool{false, true} {
			o := newOptions()
			o.chat.listen, o.chat.public = address, public
			err := o.validateChat()
			if got := err != nil; got != (refused && !public) || got && !strings.Contains(err.Error(), "--http-insecure-public") {
				t.Errorf("--http-listen=%s, insecure %t: %v", address, public, err)
			}
		}
	}
	checkFailure(t, []string{"--http-listen=0.0.0.0:0"}, 2, []string{"--http-insecure-public"})
}

func TestCheckVariables(t *testing.T) {
	for _, c := range []struct {
		variable, warning, fault string
	}{
		{"ARK_DB_PATH=x", "", ""},
		{"ARK_DB_PASSWORD=x", "", ""},
		{"ARK_TO=x", "", ""}, // a flag of backup
		{"ARK_DB_PTH=x", "", "ARK_DB_PTH in the environment sets nothing: did you mean ARK_DB_PATH?"},
		{"ARK_SECURE_PROT=1", "", "did you mean ARK_SECURE_PORT?"},
		{"ARK_DB_PASWORD=x", "", "did you mean ARK_DB_PASSWORD?"},
		{"ARK_STORAGE_TYPE=x", "ARK_STORAGE_TYPE in the environment sets nothing", ""},
		{"ARK_MODEL=gpt", "did you mean ARK_MODE?", ""}, // perhaps another program's
		{"ARK_HELP=x", "ARK_HELP in the environment sets nothing", ""},
		{"ark_db_path=x", "", ""},
		{"PATH=x", "", ""},
		{"ARK_CACHE=x", "", ""},
		{"ARK_TEST_POSTGRES_DSN=x", "", ""},
		// The variables that Kubernetes and Docker set for a Service or container named ark-something.
		{"ARK_APISERVER_SERVICE_HOST=10.0.0.1", "", ""},
		{"ARK_APISERVER_SERVICE_PORT=443", "", ""},
		{"ARK_APISERVER_SERVICE_PORT_HTTPS=443", "", ""},
		{"ARK_APISERVER_PORT=tcp://10.0.0.1:443", "", ""},
		{"ARK_APISERVER_PORT_443_TCP=tcp://10.0.0.1:443", "", ""},
		{"ARK_APISERVER_PORT_443_TCP_PROTO=tcp", "", ""},
		{"ARK_APISERVER_PORT_443_TCP_PORT=443", "", ""},
		{"ARK_APISERVER_PORT_443_TCP_ADDR=10.0.0.1", "", ""},
		{"ARK_DB_NAME=/web/db", "", ""},
		{"ARK_APISERVER_NAME=/web/ark-apiserver", "", ""},
		{"ARK_APISERVER_ENV_LANG=C", "", ""},
		{"ARK_SERVICE_HOST=10.0.0.1", "", ""},
		{"ARK_PORT=tcp://10.0.0.1:443", "", ""},
	} {
		warnings, err := checkVariables(newCommand(), []string{"HOME=/", c.variable})
		fault := ""
		if err != nil {
			fault = err.Error()
		}
		if warning := strings.Join(warnings, "; "); !matches(warning, c.warning) || !matches(fault, c.fault) {
			t.Errorf("%s: warning %q, error %q; want %q, %q", c.variable, warning, fault, c.warning, c.fault)
		}
	}
}

// matches reports whether a text is empty if want is empty, and otherwise contains want and no
// secret.
func matches(got, want string) bool {
	return (want == "") == (got == "") && strings.Contains(got, want)
}

// TestServiceVariables checks that ARK_DB_PORT, which a Service named ark-db sets in a pod, is not
// read as --db-port.
func TestServiceVariables(t *testing.T) {
	t.Setenv("ARK_DB_PORT", "tcp://10.96.0.17:5432")
	cmd := newCommand()
	if err := fromEnvironment(cmd.Flags()); err != nil {
		t.Error(err)
	}
	if cmd.Flags().Changed("db-port") {
		t.Error("the Service's address was taken for a port")
	}
}

// TestMistypedVariable checks that a variable that is certainly mistyped prevents the start, and
// that a doubtful one is logged in the log's format.
func TestMistypedVariable(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("ARK_DB_PTH", "elsewhere.db")
	checkFailure(t, nil, 2, []string{"ark-server: ARK_DB_PTH", "did you mean ARK_DB_PATH?"})
	t.Setenv("ARK_LOG_FORMAT", "json")
	checkFailure(t, nil, 2, []string{`"level":"ERROR","msg":"ARK_DB_PTH in the environment`})
	if version := printed(t, "version"); !strings.Contains(version, "ark-server") {
		t.Error("version needs no environment")
	}
}
