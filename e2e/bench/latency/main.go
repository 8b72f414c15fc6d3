// Command latency measures how long a change takes to reach watchers, at the replica that wrote it
// and at another one on the same database, while one of them receives 1,000 writes a second:
//
//	go run ./bench/latency
//
// The time starts before the write is sent, so it includes the commit.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/etcdserver/direct"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

const (
	prefix  = "/registry/latency/"
	writers = 32
)

func main() {
	rate := flag.Int("rate", 1000, "writes a second")
	length := flag.Duration("length", 10*time.Second, "length of one measurement")
	flag.Parse()
	t := measure.NewTable(os.Stdout, "database", "writes/s", "watcher at", "events", "p50 ms", "p99 ms")
	for _, storage := range engine.Servers {
		if err := run(context.Background(), storage, *rate, *length, t); err != nil {
			fmt.Fprintf(os.Stderr, "latency: %s: %v\n", storage, err)
			os.Exit(1)
		}
	}
	if err := t.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "latency:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, storage string, rate int, length time.Duration, t *measure.Table) (err error) {
	place, stop, err := engine.Serve(ctx, storage, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	var clients []*kubernetes.Client
	for range 2 {
		e, err := place.Open(ctx, slog.Default())
		if err != nil {
			return err
		}
		store, err := mvcc.Open(ctx, e, mvcc.Options{})
		if err != nil {
			return err
		}
		server := etcdserver.New(store, etcdserver.Options{})
		client := direct.NewClient(server)
		clients = append(clients, client)
		defer func() {
			_ = client.Close() // reports only that its context ended
			server.Stop()
			_ = store.Close()
		}()
	}
	watching, end := context.WithCancel(ctx)
	defer end()
	seen := make([][]time.Duration, len(clients))
	var watchers sync.WaitGroup
	for i, c := range clients {
		ch := c.Watch(watching, prefix, clientv3.WithPrefix(), clientv3.WithRev(2))
		watchers.Go(func() {
			for resp := range ch {
				now := time.Now().UnixNano()
				for _, e := range resp.Events {
					seen[i] = append(seen[i], time.Duration(now-int64(binary.BigEndian.Uint64(e.Kv.Value))))
				}
			}
		})
	}
	begin := time.Now()
	sample := measure.Run(ctx, writers, length, func(ctx context.Context, c, i int) error {
		due := begin.Add(time.Duration(i*writers+c) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		value := make([]byte, 1024)
		binary.BigEndian.PutUint64(value, uint64(time.Now().UnixNano()))
		_, err := clients[0].Put(ctx, fmt.Sprintf("%s%d-%d", prefix, c, i), string(value))
		return err
	})
	time.Sleep(2 * time.Second) // for events in flight
	end()
	watchers.Wait()
	if sample.FirstError != nil {
		return sample.FirstError
	}
	for i, where := range []string{"the writing replica", "another replica"} {
		if len(seen[i]) != sample.Count {
			return fmt.Errorf("the watcher at %s saw %d of %d writes", where, len(seen[i]), sample.Count)
		}
		t.Row(storage, measure.Rate(sample.Rate), where, fmt.Sprint(len(seen[i])),
			measure.Millis(measure.Percentile(seen[i], 50)), measure.Millis(measure.Percentile(seen[i], 99)))
	}
	return nil
}
