package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"

	"github.com/mckinsey/ark-server/e2e/internal/measure"
)

const (
	// watchWriters is the number of writers while the watchers of the case read.
	watchWriters = 16
	// watchDrain is how long the watchers may take for the remaining events once the writers have
	// stopped.
	watchDrain = 30 * time.Second
)

// watch uses the clients of a measurement as watchers of one prefix, opened like those of the
// apiserver's cacher, while writers create keys in it. Rate is events delivered to all watchers
// together per second, until the last watcher has received the last event. Latency is from the
// start of a write to the arrival of its event. An event missing at the end is a failure.
func watch(ctx context.Context, s *store, m measurement) measure.Sample {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	prefix := watchPrefix + m.name + "/"
	var (
		wg      sync.WaitGroup
		written atomic.Int64
		stopped = make(chan struct{}) // closed when written is final
		lags    = make([][]time.Duration, m.clients)
		errs    = make([]error, m.clients)
		epoch   = time.Now()
	)
	opened := make(chan struct{}, m.clients)
	for w := range m.clients {
		events := s.client(w).Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithPrevKV(), clientv3.WithCreatedNotify())
		wg.Go(func() {
			lags[w], errs[w] = follow(events, opened, epoch, stopped, &written)
		})
	}
	for range m.clients {
		select {
		case <-opened:
		case <-time.After(watchDrain):
			return measure.Sample{Failed: m.clients, FirstError: errors.New("watch: not created in time")}
		}
	}
	began := time.Now()
	value := newValue()
	writes := measure.Run(ctx, watchWriters, m.length, func(ctx context.Context, c, i int) error {
		v := append([]byte(nil), value...)
		binary.BigEndian.PutUint64(v, uint64(time.Since(epoch)))
		r, err := s.client(c).OptimisticPut(ctx, fmt.Sprintf("%s%03d-%06d", prefix, c, i), v, 0, kubernetes.PutOptions{})
		if err == nil && !r.Succeeded {
			err = errLost
		}
		return err
	})
	written.Store(int64(writes.Count))
	close(stopped)
	wg.Wait()
	elapsed := time.Since(began)

	sample := measure.Sample{Failed: writes.Failed, FirstError: writes.FirstError}
	var all []time.Duration
	for w := range lags {
		all = append(all, lags[w]...)
		if errs[w] != nil {
			sample.Failed++
			sample.FirstError = errs[w]
		}
	}
	sample.Count = len(all)
	sample.Rate = float64(len(all)) / elapsed.Seconds()
	sample.P50, sample.P99 = measure.Percentile(all, 50), measure.Percentile(all, 99)
	return sample
}

// follow reads one watch until it has received every write; it returns the delay of each event.
func follow(events clientv3.WatchChan, opened chan<- struct{}, epoch time.Time, stopped <-chan struct{}, written *atomic.Int64) ([]time.Duration, error) {
	var lags []time.Duration
	var late <-chan time.Time
	final := int64(-1)
	for final < 0 || int64(len(lags)) < final {
		select {
		case r, ok := <-events:
			if !ok {
				return lags, errors.New("watch: ended early")
			}
			if err := r.Err(); err != nil {
				return lags, fmt.Errorf("watch: %w", err)
			}
			if r.Created {
				opened <- struct{}{}
			}
			now := time.Since(epoch)
			for _, e := range r.Events {
				lags = append(lags, now-time.Duration(binary.BigEndian.Uint64(e.Kv.Value)))
			}
		case <-stopped:
			final = written.Load()
			stopped = nil
			timer := time.NewTimer(watchDrain)
			defer timer.Stop()
			late = timer.C
		case <-late:
			return lags, fmt.Errorf("watch: %d of %d events after %s", len(lags), final, watchDrain)
		}
	}
	return lags, nil
}
