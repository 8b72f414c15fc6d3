package badinput

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/query"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// ballast fills a disk, until it is removed.
const ballast = "ballast"

// TestServerDiskFillsUp fills the disk under a database server: a write gets an error that says so
// and that nothing was written; reads go on; everything acknowledged is there; and with room again
// writes go on without a restart of anything.
func TestServerDiskFillsUp(t *testing.T) {
	for _, storage := range engine.Servers {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			disk := newDisk(t, 96<<20)
			f := startFilling(t, disk, storage, sqltest.Options{Data: filepath.Join(disk.Dir, "data")})
			// MariaDB crashes when it cannot extend a table of a few pages.
			f.write(t, 100)
			if err := disk.Fill(ballast); err != nil {
				t.Fatal(err)
			}
			failure := f.writeUntilFailure(t)
			var status apierrors.APIStatus
			if !errors.As(failure, &status) || status.Status().Code != http.StatusInsufficientStorage {
				t.Errorf("%v, want code %d", failure, http.StatusInsufficientStorage)
			}
			for _, text := range []string{"no space left", "disk", "nothing was written", "try again"} {
				if !strings.Contains(failure.Error(), text) {
					t.Errorf("no %q in the error of a write on a full disk: %v", text, failure)
				}
			}
			requireQueries(t, f.client, f.written, "while the disk is full")
			f.makeRoom(t)
			requireQueries(t, f.client, f.written, "with space again")
			f.server.Kill()
			server := start(t, f.options)
			requireQueries(t, clientOf(t, server), f.written, "after a restart")
		})
	}
}

// TestServerCrashesOnAFullDisk fills what a database server cannot do without, so that it crashes:
// PostgreSQL's write-ahead log, and the pages that MariaDB needs to roll back. That is an outage
// like another. Writes fail with errors that say whether to try again, reads fail or are complete;
// once there is room and the database server is back, so is the service, with everything
// acknowledged.
func TestServerCrashesOnAFullDisk(t *testing.T) {
	for _, storage := range engine.Servers {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			disk := newDisk(t, 96<<20)
			opts := sqltest.Options{Data: filepath.Join(disk.Dir, "data")}
			if storage == engine.PostgreSQL {
				opts = sqltest.Options{WAL: filepath.Join(disk.Dir, "wal")}
			}
			f := startFilling(t, disk, storage, opts)
			if err := disk.Fill(ballast); err != nil {
				t.Fatal(err)
			}
			failure := f.writeUntilFailure(t)
			if code := apierrors.ReasonForError(failure); code != "Timeout" && code != "ServiceUnavailable" && !strings.Contains(failure.Error(), "no space left") {
				t.Errorf("%v, want an error that says whether to try again", failure)
			}
			var code int
			f.client.Get().AbsPath(queries).MaxRetries(0).Do(t.Context()).StatusCode(&code)
			if code != http.StatusOK && code != http.StatusServiceUnavailable {
				t.Errorf("a read is answered with %d meanwhile", code)
			}
			soon, cancel := context.WithTimeout(t.Context(), 5*time.Second) // the client would try again for longer
			defer cancel()
			if got, _, err := query.List(soon, f.client, namespace, 0); err == nil && got != f.written && got != f.written+1 {
				t.Errorf("%d queries in the middle of it, want the %d acknowledged, perhaps with the one in doubt", got, f.written)
			}
			f.makeRoom(t)
			got, _, err := query.List(t.Context(), f.client, namespace, 0)
			if err != nil || got != f.written && got != f.written+1 {
				t.Errorf("%d queries with space again, %v; want the %d acknowledged, perhaps with the one in doubt", got, err, f.written)
			}
			f.server.Kill()
			server := start(t, f.options)
			requireQueries(t, clientOf(t, server), got, "after a restart")
		})
	}
}

// filling is a server whose database's disk fills up.
type filling struct {
	disk     *component.Disk
	database *sqltest.Server
	options  component.ArkOptions
	server   *component.ArkServer
	client   *rest.RESTClient
	written  int // queries acknowledged
}

func startFilling(t *testing.T, disk *component.Disk, storage string, opts sqltest.Options) *filling {
	t.Helper()
	f := &filling{disk: disk}
	opts.Wrap = disk.AsOwner
	database, place := engine.StartWith(t, storage, opts)
	f.database, f.options = database, component.ArkOptions{Dir: t.TempDir(), Storage: place.Flags()}
	f.server = start(t, f.options)
	f.client = clientOf(t, f.server)
	if err := query.EnsureNamespace(t.Context(), f.client, namespace); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *filling) create(ctx context.Context, size int) error {
	err := query.Create(ctx, f.client, namespace, fmt.Sprintf("query-%03d", f.written), query.Spec(size))
	if err == nil {
		f.written++
	}
	return err
}

func (f *filling) write(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := f.create(t.Context(), 64<<10); err != nil {
			t.Fatal(err)
		}
	}
}

func (f *filling) writeUntilFailure(t *testing.T) error {
	t.Helper()
	const more = 2000 // than fit
	for range more {
		if err := f.create(t.Context(), 64<<10); err != nil {
			t.Logf("after %d objects: %v", f.written, err)
			return err
		}
	}
	t.Fatalf("%d objects of 64 KiB fit on the small disk", more)
	return nil
}

// makeRoom makes room again, starts the database server again if it has ended, as its supervisor
// would, and waits until a write is taken.
func (f *filling) makeRoom(t *testing.T) {
	t.Helper()
	if err := f.disk.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		select {
		case <-f.database.Ended():
			t.Log("the database server has ended, and is started again")
			if err := f.database.Restart(ctx); err != nil {
				t.Fatal(err)
			}
		default:
		}
		soon, giveUp := context.WithTimeout(ctx, 3*time.Second)
		err := f.create(soon, 100)
		giveUp()
		if err == nil {
			return
		}
		if apierrors.IsAlreadyExists(err) { // the write in doubt has taken place
			f.written++
		}
		if ctx.Err() != nil {
			t.Fatalf("still no writes with space again: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func clientOf(t *testing.T, server *component.ArkServer) *rest.RESTClient {
	t.Helper()
	client, err := component.RawClient(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
