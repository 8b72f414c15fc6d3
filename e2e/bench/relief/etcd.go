package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// counters are the counters in etcd's metrics.
type counters struct{ puts, deletes float64 }

func (c counters) minus(b counters) counters {
	return counters{c.puts - b.puts, c.deletes - b.deletes}
}

var metric = regexp.MustCompile(`(?m)^(etcd_mvcc_put_total|etcd_mvcc_delete_total) (\S+)$`)

func (t *target) counters(ctx context.Context) (counters, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.cluster.Etcd.URL+"/metrics", nil)
	if err != nil {
		return counters{}, fmt.Errorf("ask etcd for its metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return counters{}, fmt.Errorf("ask etcd for its metrics: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return counters{}, fmt.Errorf("read etcd's metrics: %w", err)
	}
	values := map[string]float64{}
	for _, found := range metric.FindAllStringSubmatch(string(text), -1) {
		if values[found[1]], err = strconv.ParseFloat(found[2], 64); err != nil {
			return counters{}, fmt.Errorf("read etcd's metrics: %w", err)
		}
	}
	if len(values) != 2 {
		return counters{}, fmt.Errorf("etcd's metrics have only %v", values)
	}
	return counters{values["etcd_mvcc_put_total"], values["etcd_mvcc_delete_total"]}, nil
}

// etcdWatch counts the changes of keys by resource.
type etcdWatch struct {
	client  *clientv3.Client
	end     context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	changes  map[string]int
	revision int64
	err      error
}

func watchEtcd(url string) (*etcdWatch, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{url}, DialTimeout: 10 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("reach etcd: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &etcdWatch{client: client, end: cancel, changes: map[string]int{}}
	events := client.Watch(ctx, "", clientv3.WithPrefix())
	w.running.Go(func() {
		for r := range events {
			w.mu.Lock()
			if r.Err() != nil {
				w.err = r.Err()
			}
			for _, e := range r.Events {
				w.changes[resource(string(e.Kv.Key))]++
			}
			w.revision = r.Header.Revision
			w.mu.Unlock()
		}
	})
	return w, nil
}

// resource returns the part of a key that names its resource:
// /registry/ark.mckinsey.com/queries/... or /registry/pods/...
func resource(key string) string {
	parts := strings.Split(strings.TrimPrefix(key, "/registry/"), "/")
	if len(parts) > 1 && strings.Contains(parts[0], ".") {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

func (w *etcdWatch) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes = map[string]int{}
}

// written waits until the watch has received all events so far, and returns the changes since
// reset.
func (w *etcdWatch) written(ctx context.Context) (map[string]int, error) {
	// The function writes a mark to recognise the last event; the mark does not count.
	const mark = "relief-mark"
	put, err := w.client.Put(ctx, mark, "")
	if err != nil {
		return nil, fmt.Errorf("write to etcd: %w", err)
	}
	for {
		w.mu.Lock()
		changes, revision, err := maps.Clone(w.changes), w.revision, w.err
		w.mu.Unlock()
		if err != nil {
			return nil, fmt.Errorf("watch etcd: %w", err)
		}
		if revision >= put.Header.Revision {
			delete(changes, mark)
			return changes, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (w *etcdWatch) stop() {
	w.end()
	w.running.Wait()
	_ = w.client.Close()
}
