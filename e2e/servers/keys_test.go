package servers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

const passphrase = "correct horse battery staple"

// sharedKeys are the files that all servers have.
var sharedKeys = []string{"ca.crt", "ca.key", "admin.token", "service-accounts.key", "encryption.yaml"}

// TestKeysInTheDatabase: servers with nothing in common but a database and a passphrase start at
// once, and are one: any of them knows the users, tokens and Secrets of the other. What does not
// fit is refused, and changes nothing.
func TestKeysInTheDatabase(t *testing.T) {
	perStorage(t, func(t *testing.T, storage []string) {
		flag := "--keys-passphrase-file=" + writePassphrase(t, passphrase+"\n")
		a, b := newServer(t, storage, flag), newServer(t, storage, flag)
		startAll(t, a, b)
		same(t, a, b)
		atA, atB := a.client(t), clientFor(t, b.as(a.Config.BearerToken))
		ctx := t.Context()
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Data: map[string][]byte{"key": []byte("hush")}}
		if _, err := atA.CoreV1().Secrets("default").Create(ctx, secret, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if got, err := atB.CoreV1().Secrets("default").Get(ctx, "one", metav1.GetOptions{}); err != nil || string(got.Data["key"]) != "hush" {
			t.Errorf("got %v, %v", got, err)
		}
		if _, err := atA.CoreV1().ServiceAccounts("default").Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "worker"}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		made, err := atA.CoreV1().ServiceAccounts("default").CreateToken(ctx, "worker", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		review, err := clientFor(t, b.as(made.Status.Token)).AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		if err != nil || review.Status.UserInfo.Username != "system:serviceaccount:default:worker" {
			t.Errorf("the other server takes the service account's token for %v, %v", review, err)
		}

		if strings.Contains(storage[0], engine.MySQL) {
			return // the rest does not depend on the database
		}
		for what, c := range map[string]struct {
			args []string
			want []string
		}{
			"another passphrase": {[]string{"--keys-passphrase-file=" + writePassphrase(t, "not that passphrase")}, []string{"--keys-passphrase-file=", "another passphrase", "nothing was changed"}},
			"no passphrase":      {nil, []string{"--keys-passphrase-file is missing", "give this one the same passphrase"}},
		} {
			late := newServer(t, storage, c.args...)
			mention(t, what, refused(t, late.ArkOptions), c.want...)
			if _, err := os.Stat(filepath.Join(late.keys(), "ca.key")); err == nil {
				t.Errorf("%s: it has made keys", what)
			}
		}
		stranger := newServer(t, []string{"--storage=sqlite", "--db-path=" + filepath.Join(t.TempDir(), "ark.db")})
		startAll(t, stranger)
		if err := stranger.Stop(); err != nil {
			t.Fatal(err)
		}
		moved := newServer(t, storage, flag)
		moved.Keys = stranger.keys()
		before := read(t, moved.Keys, "ca.key")
		mention(t, "other keys in the folder", refused(t, moved.ArkOptions), "ca.key, ca.crt, admin.token", "ark-server keys share", "nothing was changed")
		if read(t, moved.Keys, "ca.key") != before {
			t.Error("the keys in the folder were replaced")
		}

		late := newServer(t, storage, flag)
		startAll(t, late)
		same(t, a, late)
		if *heavy {
			rotate(t, a, b)
			change(t, a, b)
		}
		for _, s := range []*server{a, b, late} {
			if log := s.Stderr(); strings.Contains(log, passphrase) || strings.Contains(log, s.Config.BearerToken) {
				t.Errorf("a secret is in the log:\n%s", log)
			}
		}
	})
}

// rotate changes the key of Secrets by a command, while servers run.
func rotate(t *testing.T, a, b *server) {
	t.Helper()
	before := read(t, a.keys(), "encryption.yaml")
	said := a.command(t, "secrets", "rotate-key")
	eventually(t, func(context.Context) error {
		for _, s := range []*server{a, b} {
			if now := read(t, s.keys(), "encryption.yaml"); now == before || !strings.Contains(now, "name: key-") || !strings.Contains(said, firstKey(now)) {
				return fmt.Errorf("%s has not the new key as its first: %q", s.keys(), said)
			}
		}
		return nil
	})
	same(t, a, b)
	for _, s := range []*server{a, b} {
		if got, err := s.client(t).CoreV1().Secrets("default").Get(t.Context(), "one", metav1.GetOptions{}); err != nil || string(got.Data["key"]) != "hush" {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

// firstKey is the name of the key that encrypts.
func firstKey(config string) string {
	_, rest, _ := strings.Cut(config, "name: ")
	name, _, _ := strings.Cut(rest, "\n")
	return name
}

// change replaces the admin's token and the passphrase, and takes the servers over one after the
// other.
func change(t *testing.T, a, b *server) {
	t.Helper()
	old := a.Config.BearerToken
	if err := os.Remove(filepath.Join(a.keys(), "admin.token")); err != nil {
		t.Fatal(err)
	}
	flag := "--keys-passphrase-file=" + writePassphrase(t, passphrase+", the second")
	a.Args, b.Args = []string{flag}, []string{flag}
	a.command(t, "keys", "share")
	for _, s := range []*server{a, b} {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		startAll(t, s)
	}
	same(t, a, b)
	if a.Config.BearerToken == old {
		t.Error("the admin's token is the one before")
	}
	for _, s := range []*server{a, b} {
		if _, err := clientFor(t, s.as(old)).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); err == nil {
			t.Error("the admin's token before is good")
		}
		if got, err := clientFor(t, s.as(a.Config.BearerToken)).CoreV1().Secrets("default").Get(t.Context(), "one", metav1.GetOptions{}); err != nil || string(got.Data["key"]) != "hush" {
			t.Errorf("got %v, %v", got, err)
		}
	}
	a.command(t, "keys", "unshare")
}

func same(t *testing.T, a, b *server) {
	t.Helper()
	for _, name := range sharedKeys {
		if read(t, a.keys(), name) != read(t, b.keys(), name) {
			t.Errorf("the servers have different files %s", name)
		}
	}
}

// TestKeysInAFolder: servers with one folder start at once and are one, and a server with another
// key of Secrets does not start, not even before there are Secrets.
func TestKeysInAFolder(t *testing.T) {
	storage := databases.New(t, engine.PostgreSQL).Flags()
	a, b := newServer(t, storage, "--tls-san=a.example.com"), newServer(t, storage, "--tls-san=b.example.com")
	a.Keys = filepath.Join(t.TempDir(), "keys")
	b.Keys = a.Keys
	startAll(t, a, b)
	other := newServer(t, storage)
	mention(t, "another key", refused(t, other.ArkOptions), "--keys-dir="+other.keys(), "the servers on this database encrypt Secrets with the key", "put back the encryption.yaml", "secrets forget-key")
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Data: map[string][]byte{"key": []byte("hush")}}
	if _, err := a.client(t).CoreV1().Secrets("default").Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, err := clientFor(t, b.as(a.Config.BearerToken)).CoreV1().Secrets("default").Get(t.Context(), "one", metav1.GetOptions{}); err != nil || string(got.Data["key"]) != "hush" {
		t.Errorf("got %v, %v", got, err)
	}
	eventually(t, func(ctx context.Context) error {
		for _, s := range []*server{a, b} {
			for _, name := range []string{"a.example.com", "b.example.com"} {
				config := s.as(s.Config.BearerToken)
				config.ServerName = name
				if _, err := clientFor(t, config).CoreV1().Namespaces().List(ctx, metav1.ListOptions{}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	// With the Secret there, the key cannot be forgotten.
	c, err := other.ArkOptions.Command()
	if err != nil {
		t.Fatal(err)
	}
	c.Args = append([]string{"secrets", "forget-key"}, ofCommands(c.Args)...)
	mention(t, "forget-key", failed(t, c), "what is stored (such as /registry/secrets/default/one) is encrypted with the key")
	if err := a.client(t).CoreV1().Secrets("default").Delete(t.Context(), "one", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*server{a, b} {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	other.command(t, "secrets", "forget-key")
	startAll(t, other)
}
