package standalone

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

var agents = schema.GroupVersionResource{Group: "ark.mckinsey.com", Version: "v1alpha1", Resource: "agents"}

func TestAccess(t *testing.T) {
	r := start(t, t.TempDir())
	anonymous := rest.AnonymousClientConfig(r.config)
	wrong := rest.CopyConfig(anonymous)
	wrong.BearerToken = "wrong"
	impersonated := rest.CopyConfig(r.config)
	impersonated.Impersonate = rest.ImpersonationConfig{UserName: "alice"}
	master := withCertificate(t, r, anonymous, pkix.Name{CommonName: "root", Organization: []string{"system:masters"}})
	nobody := withCertificate(t, r, anonymous, pkix.Name{CommonName: "bob"})

	const list = "/apis/ark.mckinsey.com/v1alpha1/agents"
	for _, c := range []struct {
		name   string
		config *rest.Config
		path   string
		want   int
	}{
		{"admin", r.config, list, 200},
		{"admin", r.config, "/metrics", 200},
		{"anonymous", anonymous, list, 403},
		{"anonymous", anonymous, "/apis", 403},
		{"anonymous", anonymous, "/metrics", 403},
		{"anonymous", anonymous, "/debug/pprof/", 403},
		{"anonymous", anonymous, "/version", 200},
		{"anonymous", anonymous, "/readyz", 200},
		{"anonymous", anonymous, "/livez/ping", 200},
		{"a wrong token", wrong, "/version", 401},
		{"an impersonated user", impersonated, list, 403},
		{"a certificate of the masters", master, list, 200},
		{"a certificate of nobody", nobody, list, 403},
	} {
		transport, err := rest.TransportFor(c.config)
		if err != nil {
			t.Fatal(err)
		}
		response, err := (&http.Client{Transport: transport}).Get(c.config.Host + c.path)
		if err != nil {
			t.Fatalf("%s, %s: %v", c.name, c.path, err)
		}
		_ = response.Body.Close()
		if response.StatusCode != c.want {
			t.Errorf("%s, %s: got %d, want %d", c.name, c.path, response.StatusCode, c.want)
		}
		if response.Header.Get("Audit-Id") == "" {
			t.Errorf("%s, %s: there is no audit id", c.name, c.path)
		}
	}
}

// withCertificate returns a configuration with a client certificate that the
// server's authority has signed.
func withCertificate(t *testing.T, r *running, base *rest.Config, subject pkix.Name) *rest.Config {
	t.Helper()
	return withCertificateOf(t, r, base, subject, time.Now())
}

// withCertificateOf is withCertificate with one that was made at a time, for an hour.
func withCertificateOf(t *testing.T, r *running, base *rest.Config, subject pkix.Name, made time.Time) *rest.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template, err := newTemplate("", made, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	template.Subject = subject
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	config := rest.CopyConfig(base)
	if config.CertData, err = r.server.keys.ca.sign(template, key.Public()); err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	config.KeyData = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return config
}

// A client certificate is worth nothing once it has expired.
func TestExpiredCertificate(t *testing.T) {
	r := start(t, t.TempDir())
	anonymous, root := rest.AnonymousClientConfig(r.config), pkix.Name{CommonName: "root", Organization: []string{"system:masters"}}
	if code, text := do(t, withCertificate(t, r, anonymous, root), "GET", someAgents, nil); code != 200 {
		t.Errorf("one that is good gets %d: %s", code, text)
	}
	if code, text := do(t, withCertificateOf(t, r, anonymous, root, time.Now().Add(-2*time.Hour)), "GET", someAgents, nil); code != 401 {
		t.Errorf("one that has expired gets %d: %s", code, text)
	}
}

// Every write reaches the storage with its actor.
func TestActor(t *testing.T) {
	r := start(t, t.TempDir())
	config := rest.CopyConfig(r.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "alice", Groups: []string{"system:masters"}}
	config.UserAgent = "robot/1.0"
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	sample := registrytest.Of("Agent")
	obj := &unstructured.Unstructured{Object: sample.Object("default", "one")}
	if _, err := client.Resource(agents).Namespace("default").Create(context.Background(), obj, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case a := <-r.actors:
			if a.User != "alice" {
				continue // the server's own writes
			}
			if a.Impersonator != AdminUser || a.UserAgent != "robot/1.0" || a.FieldManager != "robot" || a.Verb != "create" || a.AuditID == "" || len(a.Groups) == 0 {
				t.Errorf("got %+v", a)
			}
			return
		default:
			t.Fatal("the write had no actor")
		}
	}
}

func TestNamespaces(t *testing.T) {
	r := start(t, t.TempDir())
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, name := range systemNamespaces {
		if _, err := r.core.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{}); err != nil {
			t.Error(err)
		}
		if err := r.core.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}); !apierrors.IsForbidden(err) {
			t.Errorf("deleting %s: got %v, want 403", name, err)
		}
	}

	sample := registrytest.Of("Agent")
	create := func(namespace string) error {
		obj := &unstructured.Unstructured{Object: sample.Object(namespace, "one")}
		_, err := r.objects.Resource(agents).Namespace(namespace).Create(ctx, obj, metav1.CreateOptions{})
		return err
	}
	if err := create("team-a"); !apierrors.IsNotFound(err) {
		t.Errorf("creating in a missing namespace: got %v, want 404", err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team-a"}}
	if _, err := r.core.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := create("team-a"); err != nil {
		t.Fatal(err)
	}
	if err := r.core.CoreV1().Namespaces().Delete(ctx, "team-a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := create("team-a"); !apierrors.IsForbidden(err) && !apierrors.IsAlreadyExists(err) {
		t.Errorf("creating in a namespace that ends: got %v, want 403", err)
	}
	for {
		_, err := r.core.CoreV1().Namespaces().Get(ctx, "team-a", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	list, err := r.objects.Resource(agents).List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) != 0 {
		t.Errorf("the namespace's objects outlived it: %v, %v", list, err)
	}
}

func TestDataOutlivesTheServer(t *testing.T) {
	dir := t.TempDir()
	var first *running
	t.Run("first", func(t *testing.T) {
		first = start(t, dir)
		obj := &unstructured.Unstructured{Object: registrytest.Of("Agent").Object("default", "one")}
		if _, err := first.objects.Resource(agents).Namespace("default").Create(context.Background(), obj, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("second", func(t *testing.T) {
		second := start(t, dir)
		if _, err := second.objects.Resource(agents).Namespace("default").Get(context.Background(), "one", metav1.GetOptions{}); err != nil {
			t.Error(err)
		}
		if second.config.BearerToken != first.config.BearerToken {
			t.Error("the admin's token changed")
		}
	})
}

// TestPublicPathsAreRead: paths that every user may read allow no other verb.
func TestPublicPathsAreRead(t *testing.T) {
	all, err := rights{roles: rbac.New(nil, nil, noBindings{}, noBindings{})}.authorizer(nil)
	if err != nil {
		t.Fatal(err)
	}
	for verb, want := range map[string]authorizer.Decision{
		"get": authorizer.DecisionAllow, "head": authorizer.DecisionAllow, "post": authorizer.DecisionNoOpinion, "impersonate-on:user-info:get": authorizer.DecisionNoOpinion,
	} {
		for _, path := range []string{"/version", "/livez/ping"} {
			got, _, err := all.Authorize(t.Context(), authorizer.AttributesRecord{User: &user.DefaultInfo{Name: "somebody"}, Verb: verb, Path: path})
			if err != nil || got != want {
				t.Errorf("%s %s: %s, %v, want %s", verb, path, got, err, want)
			}
		}
	}
}

type noBindings struct{}

func (noBindings) ListClusterRoleBindings(context.Context) ([]*rbacv1.ClusterRoleBinding, error) {
	return nil, nil
}

func (noBindings) GetClusterRole(context.Context, string) (*rbacv1.ClusterRole, error) {
	return nil, nil
}
