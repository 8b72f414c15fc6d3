package replicas

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

const keys = 96

func key(i int) string { return fmt.Sprintf("%s%03d", prefix, i) }

// load is what all writers and readers of a run share.
type load struct {
	clients []*clientv3.Client // one for each replica
	// shown is the latest revision in any answer to any client. Every request that begins later must
	// return at least this revision.
	shown atomic.Int64
	// written counts acknowledged writes, up to target.
	written atomic.Int64
	target  int64
}

func (l *load) see(revision int64) {
	for {
		have := l.shown.Load()
		if have >= revision || l.shown.CompareAndSwap(have, revision) {
			return
		}
	}
}

// callTimeout is how long a client waits for an answer during a fault.
const callTimeout = 20 * time.Second

// writer changes keys by compare-and-swap, at one replica after the other, and records the answers.
type writer struct {
	*load
	id     int
	rand   *rand.Rand
	lease  clientv3.LeaseID
	claims []claim
	fails  int
}

func (w *writer) run(ctx context.Context) error {
	for n := 0; w.written.Load() < w.target && ctx.Err() == nil; n++ {
		client := w.clients[w.rand.IntN(len(w.clients))]
		if err := w.write(ctx, client, n); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// write sends one transaction on one or two keys, of which it has read the versions.
func (w *writer) write(ctx context.Context, client *clientv3.Client, n int) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	names := []string{key(w.rand.IntN(keys))}
	// The keys are in random order: two writers may use the same two keys in opposite order.
	if other := key(w.rand.IntN(keys)); w.rand.IntN(4) == 0 && other != names[0] {
		names = append(names, other)
	}
	var compares []clientv3.Cmp
	var ops []clientv3.Op
	var claims []claim
	for i, name := range names {
		known, err := w.read(ctx, client, name)
		if err != nil || known < 0 {
			return err
		}
		compares = append(compares, clientv3.Compare(clientv3.ModRevision(name), "=", known))
		if known != 0 && w.rand.IntN(8) == 0 {
			ops = append(ops, clientv3.OpDelete(name))
			claims = append(claims, claim{key: name})
			continue
		}
		value := fmt.Sprintf("%d-%d-%d", w.id, n, i)
		var opts []clientv3.OpOption
		if w.lease != 0 && w.rand.IntN(4) == 0 {
			opts = append(opts, clientv3.WithLease(w.lease))
		}
		ops = append(ops, clientv3.OpPut(name, value, opts...))
		claims = append(claims, claim{key: name, value: value})
	}
	before := w.shown.Load()
	resp, err := client.Txn(ctx).If(compares...).Then(ops...).Commit()
	told := unknown
	if err == nil {
		if resp.Header.Revision < before {
			return fmt.Errorf("writer %d was answered at revision %d, after %d had been shown", w.id, resp.Header.Revision, before)
		}
		w.see(resp.Header.Revision)
		told = refused
		if resp.Succeeded {
			told = acknowledged
			w.written.Add(1)
		}
	} else {
		w.fails++
		time.Sleep(time.Duration(w.rand.IntN(20)) * time.Millisecond)
	}
	for _, c := range claims {
		c.outcome = told
		if told == acknowledged {
			c.revision = resp.Header.Revision
		}
		w.claims = append(w.claims, c)
	}
	return nil
}

// read returns the revision of a key, 0 if there is none, -1 if the replica could not be reached.
func (w *writer) read(ctx context.Context, client *clientv3.Client, name string) (int64, error) {
	before := w.shown.Load()
	resp, err := client.Get(ctx, name)
	if err != nil {
		time.Sleep(time.Duration(w.rand.IntN(20)) * time.Millisecond)
		return -1, nil
	}
	if resp.Header.Revision < before {
		return 0, fmt.Errorf("a read began after revision %d had been shown, and was answered at %d", before, resp.Header.Revision)
	}
	w.see(resp.Header.Revision)
	if len(resp.Kvs) == 0 {
		return 0, nil
	}
	return resp.Kvs[0].ModRevision, nil
}

// reader reads and lists, and records some of the answers.
type reader struct {
	*load
	rand     *rand.Rand
	readings []reading
}

func (r *reader) run(ctx context.Context) error {
	for r.written.Load() < r.target && ctx.Err() == nil {
		client := r.clients[r.rand.IntN(len(r.clients))]
		list := r.rand.IntN(4) == 0
		from, opts := key(r.rand.IntN(keys)), []clientv3.OpOption{clientv3.WithKeysOnly()}
		if list {
			from = prefix
			opts = append(opts, clientv3.WithPrefix())
		}
		before := r.shown.Load()
		call, cancel := context.WithTimeout(ctx, callTimeout)
		resp, err := client.Get(call, from, opts...)
		cancel()
		if err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		if resp.Header.Revision < before {
			return fmt.Errorf("a read began after revision %d had been shown, and was answered at %d", before, resp.Header.Revision)
		}
		r.see(resp.Header.Revision)
		seen := reading{revision: resp.Header.Revision, whole: list, versions: map[string]int64{}}
		if !list {
			seen.versions[from] = 0
		}
		for _, kv := range resp.Kvs {
			seen.versions[string(kv.Key)] = kv.ModRevision
		}
		if len(r.readings) < 20_000 {
			r.readings = append(r.readings, seen)
		}
		time.Sleep(time.Duration(1+r.rand.IntN(4)) * time.Millisecond)
	}
	return nil
}
