package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// TestClientFaultsAreNotLogged sends invalid requests to a server: the log stays empty, and the
// metric counts them.
func TestClientFaultsAreNotLogged(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config")
	p := startProcess(t, "--log-format=json", "--secure-port=0", "--db-path="+filepath.Join(dir, "ark.db"), "--kubeconfig-out="+file)
	admin, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatal(err)
	}
	const agents = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/agents"
	const object = `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"x"},"spec":{}}`
	nobody := anonymous(admin)
	stranger := rest.CopyConfig(nobody)
	stranger.BearerToken = "wrong"
	certified := rest.CopyConfig(nobody)
	certified.TLSClientConfig.CertData, certified.TLSClientConfig.KeyData = selfSigned(t)
	type fault struct {
		config                *rest.Config
		method, path, content string
		headers               []string
	}
	faults := []fault{
		{admin, "POST", agents, "xxx", []string{"Content-Type", "application/json"}},
		{admin, "POST", agents, "", []string{"Content-Type", "application/json"}},
		{admin, "POST", agents, "[]", []string{"Content-Type", "application/json"}},
		{admin, "POST", agents, "a: [", []string{"Content-Type", "application/yaml"}},
		{admin, "POST", agents, "k8s\x00\xff", []string{"Content-Type", "application/vnd.kubernetes.protobuf"}},
		{admin, "POST", agents, "x", []string{"Content-Type", "image/png"}},
		{admin, "POST", agents + "?dryRun=Some", object, []string{"Content-Type", "application/json"}},
		{admin, "POST", agents + "?fieldValidation=Some", object, []string{"Content-Type", "application/json"}},
		{admin, "POST", agents + "?fieldManager=" + strings.Repeat("m", 300), object, []string{"Content-Type", "application/json"}},
		{admin, "PUT", agents + "/x", "{}", []string{"Content-Type", "application/json"}},
		{admin, "PATCH", agents + "/x", `[{"op":"x"}]`, []string{"Content-Type", "application/json-patch+json"}},
		{admin, "PATCH", agents + "/x?fieldManager=m", "a: [", []string{"Content-Type", "application/apply-patch+yaml"}},
		{admin, "PATCH", agents + "/x", "{}", nil},
		{admin, "DELETE", agents + "/x", "xxx", []string{"Content-Type", "application/json"}},
		{admin, "GET", agents, "", []string{"Accept", "image/png"}},
		{admin, "GET", agents, "", []string{"Accept", "application/json;as=Table;v=v9;g=meta.k8s.io"}},
		{admin, "GET", agents, "", []string{"Impersonate-Group", "g"}},
		{admin, "GET", agents, "", []string{"traceparent", "xx"}},
		{admin, "GET", agents, "", []string{"Audit-ID", strings.Repeat("a", 500)}},
		{admin, "GET", "/apis/nothing/v1", "", nil},
		{admin, "PUT", "/debug/flags/v", "x", nil},
		{nobody, "GET", agents, "", nil},
		{nobody, "GET", agents, "", []string{"Authorization", "Basic YTpi"}},
		{stranger, "GET", agents, "", nil},
		{stranger, "GET", "/healthz", "", nil},
		{certified, "GET", agents, "", nil},
		// This request waits some seconds for that revision.
		{admin, "GET", agents + "?resourceVersion=999999999", "", nil},
	}
	for _, query := range []string{
		"labelSelector=a+in+(", "labelSelector=%3D%3D", "fieldSelector=%3D%3D%3D", "fieldSelector=spec.none%3D1", "limit=abc", "limit=1&continue=xyz",
		"timeoutSeconds=abc", "timeout=abc", "resourceVersion=xyz", "resourceVersionMatch=Some", "sendInitialEvents=true", "%zz", "a;b", "sortBy=x",
	} {
		for _, config := range []*rest.Config{admin, nobody, stranger} {
			faults = append(faults, fault{config, "GET", agents + "?" + query, "", nil}, fault{config, "DELETE", agents + "?" + query, "", nil})
		}
		faults = append(faults, fault{admin, "GET", agents + "?watch=1&timeoutSeconds=1&" + query, "", nil})
	}
	for _, f := range faults {
		status, body := request(t, f.config, f.method, f.path, f.content, f.headers...)
		if status >= 500 && status != http.StatusGatewayTimeout {
			t.Errorf("%s %s: %d %s", f.method, f.path, status, body)
		}
	}
	address := strings.TrimPrefix(admin.Host, "https://")
	plainText(t, address)
	abandoned(t, admin, address)

	_, text := request(t, admin, "GET", "/metrics", "")
	for _, reason := range []string{"credentials", "query", "disconnected", "future_revision"} {
		if !regexp.MustCompile(`(?m)^ark_client_faults_total\{reason="` + reason + `"\} [1-9]`).MatchString(text) {
			t.Errorf("%s is not counted", reason)
		}
	}
	if !regexp.MustCompile(`(?m)^apiserver_tls_handshake_errors_total [1-9]`).MatchString(text) {
		t.Error("TLS errors are not counted")
	}
	if log := p.stderr.String(); log != "" {
		t.Errorf("logged:\n%s", log)
	}
}

// selfSigned is a client certificate that no authority has signed.
func selfSigned(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "eve"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pemBlock("CERTIFICATE", der), pemBlock("PRIVATE KEY", secret)
}

// plainText connects one client that does not use TLS, and one that sends nothing.
func plainText(t *testing.T, address string) {
	t.Helper()
	for _, text := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "hello\n", ""} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, text)
		_ = conn.Close()
	}
}

// abandoned sends requests whose clients disconnect: in the body, before the answer, in the middle
// of a long answer, during a watch.
func abandoned(t *testing.T, admin *rest.Config, address string) {
	t.Helper()
	const path = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/agents"
	head := func(method, path, more string) string {
		return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n", method, path, admin.BearerToken, more)
	}
	for _, text := range []string{
		head("POST", path, "Content-Type: application/json\r\nContent-Length: 100\r\n") + `{"a`,
		head("GET", path+"?resourceVersion=999999999", ""),
		head("GET", "/openapi/v2", ""),
		head("GET", path+"?watch=1", ""),
	} {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond) // for the server to begin the request
		_ = conn.Close()
	}
	time.Sleep(time.Second) // for the server to notice, and to log
}

func pemBlock(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
