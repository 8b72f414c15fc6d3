package badinput

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

// TestSmallDisk fills a small disk through the server itself: the write-ahead log leaves the
// database most of it, a write that does not fit gets an error that says so, reads and deletes go
// on, and restarts on the full disk work.
func TestSmallDisk(t *testing.T) {
	const size, object = 48 << 20, 64 << 10
	disk := newDisk(t, size)
	dir := t.TempDir()
	options := component.ArkOptions{Dir: dir, Database: databaseIn(disk.Dir), Wrap: disk.On, Args: []string{"--compaction-interval=2s"}}
	f := &filling{disk: disk, server: start(t, options)}
	f.client = clientOf(t, f.server)
	if err := query.EnsureNamespace(t.Context(), f.client, namespace); err != nil {
		t.Fatal(err)
	}
	failure := f.writeUntilFailure(t)
	var status apierrors.APIStatus
	if !errors.As(failure, &status) || status.Status().Code != http.StatusInsufficientStorage || !strings.Contains(failure.Error(), "nothing was written") {
		t.Errorf("%v, want code %d", failure, http.StatusInsufficientStorage)
	}
	if used := f.written * object; used < size/2 {
		t.Errorf("full after %d MiB of objects on a disk of %d MiB", used>>20, size>>20)
	}
	logFiles(t, disk)
	requireQueries(t, f.client, f.written, "on the full disk")

	f.server.Kill()
	f.server = start(t, options)
	f.client = clientOf(t, f.server)
	requireQueries(t, f.client, f.written, "after a restart on the full disk")

	deleted := f.written / 2
	for i := range deleted {
		if err := f.client.Delete().AbsPath(queries + fmt.Sprintf("/query-%03d", i)).Do(t.Context()).Error(); err != nil {
			t.Fatalf("delete %d of %d on the full disk: %v", i, deleted, err)
		}
	}
	requireQueries(t, f.client, f.written-deleted, "after the deletes")
	if err := f.server.Stop(); err != nil {
		t.Error(err)
	}
	server := start(t, options)
	requireQueries(t, clientOf(t, server), f.written-deleted, "after a stop")
}

// logFiles logs what takes the space.
func logFiles(t *testing.T, disk *component.Disk) {
	t.Helper()
	entries, err := os.ReadDir(disk.Path("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil { // else it has gone
			t.Logf("%s: %d KiB", entry.Name(), info.Size()>>10)
		}
	}
}
