package servers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// TestRevokedEverywhere: a token that is revoked at one server is refused by the other, for each
// way to revoke it: the command through a server, the API, or the command on the database itself.
func TestRevokedEverywhere(t *testing.T) {
	storage := databases.New(t, engine.PostgreSQL).Flags()
	a, b := newServer(t, storage), newServer(t, storage)
	a.Keys = t.TempDir()
	b.Keys = a.Keys
	startAll(t, a, b)
	beside := &server{ArkOptions: a.ArkOptions}
	beside.Args = append(slices.Clone(beside.Args), "--secure-port=1") // nobody listens there
	for how, revoke := range map[string]func(id string){
		"token revoke, through the other server": func(id string) { a.command(t, "token", "revoke", id) },
		"token revoke, on the database":          func(id string) { beside.command(t, "token", "revoke", id) },
		"the API of the other server": func(id string) {
			err := a.client(t).CoreV1().RESTClient().Delete().AbsPath("/ark/tokens/" + id).Do(t.Context()).Error()
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		token := a.command(t, "token", "create", "--user=alice")
		id := strings.Fields(strings.Split(a.command(t, "token", "list"), "\n")[1])[0]
		user := clientFor(t, b.as(token))
		known := func(ctx context.Context) error {
			_, err := user.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
			if apierrors.IsForbidden(err) { // she is known, and may do nothing
				return nil
			}
			return errors.Join(errors.New("the token is not good"), err)
		}
		eventually(t, known)
		// The other server has just seen that it is good.
		ctx, stop := context.WithCancel(t.Context())
		last := make(chan time.Time, 1)
		go func() {
			var at time.Time
			for ctx.Err() == nil && known(ctx) == nil {
				at = time.Now()
			}
			last <- at
		}()
		revoke(id)
		revoked := time.Now()
		select {
		case at := <-last:
			t.Logf("%s: the last request was answered %s after the revocation; the goal is 1 s", how, max(0, at.Sub(revoked)).Round(10*time.Millisecond))
		case <-time.After(patience):
			t.Errorf("%s: the token stays good", how)
		}
		stop()
		if err := user.CoreV1().RESTClient().Get().AbsPath("/api/v1/namespaces").Do(t.Context()).Error(); !apierrors.IsUnauthorized(err) {
			t.Errorf("%s: got %v, want 401", how, err)
		}
	}
}
