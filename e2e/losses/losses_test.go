// Package losses repeats what decision 1 rests on: kine on PostgreSQL loses events under concurrent
// writers, because its revisions come from a sequence and become visible in another order; our
// endpoint on the same database loses none. kine's count is printed; it differs from run to run,
// and may be 0 in one. Ours must be 0.
//
//	go test ./losses -v
package losses

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

const (
	writers = 48
	each    = 150
	prefix  = "/registry/losses/"
	// marker begins the keys that are written when all others have been acknowledged.
	marker = prefix + "~end-"
)

func TestLosses(t *testing.T) {
	t.Run("kine", func(t *testing.T) {
		if err := component.BuildBinaries("kine"); err != nil {
			t.Fatal(err)
		}
		cfg := sqltest.Own(t, sqltest.StartPostgres, sqltest.Options{}).Database(t)
		kine, err := component.StartKineOn(t.Context(), t.TempDir(), fmt.Sprintf("postgres://%s@%s:%d/%s?sslmode=disable", cfg.User, cfg.Host, cfg.Port, cfg.Name),
			component.LimitConnections, component.KeepConnections)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(kine.Kill)
		t.Logf("kine: %s", attack(t, kine.URL))
	})
	t.Run("ark-server", func(t *testing.T) {
		_, place := engine.Start(t, engine.PostgreSQL)
		e, err := place.Open(t.Context(), slog.Default())
		if err != nil {
			t.Fatal(err)
		}
		store, err := mvcc.Open(t.Context(), e, mvcc.Options{})
		if err != nil {
			t.Fatal(err)
		}
		server := etcdserver.New(store, etcdserver.Options{})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var serving sync.WaitGroup
		serving.Go(func() { _ = server.Serve(l) })
		t.Cleanup(func() {
			server.Stop()
			serving.Wait()
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		outcome := attack(t, l.Addr().String())
		t.Logf("ark-server: %s", outcome)
		if outcome.lost+outcome.unordered+outcome.unrepeatable > 0 {
			t.Error("a promise is broken")
		}
	})
}

// outcome counts what a client of a system had to suffer.
type outcome struct{ written, informers, lost, unordered, lists, unrepeatable int }

func (o outcome) String() string {
	return fmt.Sprintf("of %d acknowledged creates, %d clients that listed and watched on missed %d and got %d out of order; %d of %d lists at a fixed revision differed when repeated",
		o.written, o.informers, o.lost, o.unordered, o.unrepeatable, o.lists)
}

// attack creates keys from many clients at once, of sizes that take the database differently long,
// while one client watches and one lists.
func attack(t *testing.T, endpoint string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	connect := func() *clientv3.Client {
		c, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop(), DialTimeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	client := connect()
	var o outcome
	var mu sync.Mutex
	written := map[string]bool{}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	// Informers begin all along the way: each lists, and watches from the revision of its list on.
	var informing sync.WaitGroup
	var informers []map[string]bool
	informing.Go(func() {
		for len(informers) < 20 {
			resp, err := client.Get(watching, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
			if watching.Err() != nil {
				return
			}
			if err != nil {
				continue
			}
			seen := map[string]bool{}
			for _, kv := range resp.Kvs {
				seen[string(kv.Key)] = true
			}
			informers = append(informers, seen)
			informing.Go(func() {
				last := int64(0)
				for resp := range client.Watch(watching, prefix, clientv3.WithPrefix(), clientv3.WithRev(resp.Header.Revision+1)) {
					for _, e := range resp.Events {
						if e.Kv.ModRevision < last {
							mu.Lock()
							o.unordered++
							mu.Unlock()
						}
						last = e.Kv.ModRevision
						seen[string(e.Kv.Key)] = true
						if strings.HasPrefix(string(e.Kv.Key), marker) {
							return // what has not come by now never will, or too late
						}
					}
				}
			})
			time.Sleep(20 * time.Millisecond)
		}
	})

	var working errgroup.Group
	for w := range writers {
		c := client
		if w%8 == 0 {
			c = connect()
		}
		working.Go(func() error {
			dice := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range each {
				key := fmt.Sprintf("%s%02d-%04d", prefix, w, i)
				size := 100
				if dice.IntN(10) == 0 {
					size = 100_000
				}
				value := make([]byte, size)
				for j := range value {
					value[j] = byte(dice.Uint32())
				}
				resp, err := c.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).Then(clientv3.OpPut(key, string(value))).Commit()
				if err == nil && resp.Succeeded {
					mu.Lock()
					written[key] = true
					mu.Unlock()
				}
			}
			return ctx.Err()
		})
	}
	listed := make(chan struct{})
	go func() {
		defer close(listed)
		for watching.Err() == nil {
			now, err := client.Get(watching, prefix, clientv3.WithPrefix(), clientv3.WithLimit(1))
			if err != nil {
				continue
			}
			// An API server pages through a list like this, at one revision.
			list := func() int64 {
				resp, err := client.Get(watching, prefix, clientv3.WithPrefix(), clientv3.WithRev(now.Header.Revision), clientv3.WithCountOnly())
				if err != nil {
					return -1
				}
				return resp.Count
			}
			first := list()
			time.Sleep(10 * time.Millisecond)
			second := list()
			if first >= 0 && second >= 0 {
				mu.Lock()
				o.lists++
				if first != second {
					o.unrepeatable++
				}
				mu.Unlock()
			}
		}
	}()
	if err := working.Wait(); err != nil {
		t.Fatal(err)
	}
	// Markers end the informers; one of them might be lost too.
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		informing.Wait()
	}()
	for n := 0; ; n++ {
		if _, err := client.Put(ctx, fmt.Sprintf("%s%04d", marker, n), ""); err != nil {
			t.Fatalf("the informers have not come to the end: %v", err)
		}
		select {
		case <-ended:
		case <-time.After(time.Second):
			continue
		}
		break
	}
	stop()
	<-listed
	o.written, o.informers = len(written), len(informers)
	for _, seen := range informers {
		for key := range written {
			if !seen[key] {
				o.lost++
			}
		}
	}
	return o
}
