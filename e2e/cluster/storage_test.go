package cluster

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// A storage that stops to answer turns the server unready, not dead: a restart would not bring it
// back. The server recovers by itself when the storage does.
func TestStorageDown(t *testing.T) {
	e := newCluster(t, component.ClusterOptions{})
	e.prepare(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	storage, err := component.StartEtcd(ctx, t.TempDir()) // not the cluster's, which must go on
	if err != nil {
		t.Fatal(err)
	}
	defer storage.Kill()
	e.options.EtcdServers = storage.URL
	e.options.Args = []string{"--shutdown-delay-duration=0"}
	e.startArk(t)
	defer e.ark.Kill()
	health := func(want string) func() error {
		return func() error {
			livez, _ := fetch(t, e.ark.Direct, "/livez")
			readyz, _ := fetch(t, e.ark.Direct, "/readyz")
			if livez != 200 {
				t.Fatalf("livez %d", livez)
			}
			if got := fmt.Sprint(readyz); got != want {
				return fmt.Errorf("readyz %s, want %s", got, want)
			}
			return nil
		}
	}
	eventually(t, "ready", health("200"))
	if err := syscall.Kill(storage.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "unready without storage", health("500"))
	if err := syscall.Kill(storage.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ready again", health("200"))
}
