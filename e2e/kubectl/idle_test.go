package kubectl

import (
	"runtime"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// mostIdle is what a server with all defaults may hold while nobody uses it.
const mostIdle = 250 << 20

// TestIdleMemory: a server that has started gives back what its start has left behind, which it
// would hold for two minutes else.
func TestIdleMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("NOT CHECKED: resident memory is read from /proc")
	}
	c := newCluster(t, component.ArkOptions{})
	var held int64
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		memory, err := c.server.Memory()
		if err != nil {
			t.Fatal(err)
		}
		if held = memory.RSS; held < mostIdle {
			return
		}
	}
	t.Errorf("%d MiB are resident a minute after the start, want less than %d", held>>20, mostIdle>>20)
}
