package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.etcd.io/etcd/client/v3/kubernetes"

	"github.com/mckinsey/ark-server/e2e/internal/measure"
)

// measurement is one run of one case on one system.
type measurement struct {
	// name is unique among the runs of a case, so that each has different keys.
	name    string
	clients int
	length  time.Duration
}

// benchCase measures the cost of one kind of request.
type benchCase struct {
	name string
	// most is the maximum number of clients; 0 is no limit.
	most int
	// write is true if the case waits for the disk.
	write bool
	run   func(context.Context, *store, measurement) measure.Sample
}

func allCases() []benchCase {
	return []benchCase{
		{name: "create", write: true, run: create},
		{name: "update", write: true, run: update},
		{name: "get", run: get},
		{name: "list-500", run: list(500)},
		// An answer has 10 MiB: more clients would measure the memory of the machine.
		{name: "list-all", most: 16, run: list(0)},
		{name: "watch", run: watch},
	}
}

func caseNames() []string {
	var names []string
	for _, c := range allCases() {
		names = append(names, c.name)
	}
	return names
}

var errLost = errors.New("the transaction's compare failed on a key of this client's own")

// create is a write of a new key, as for POST.
func create(ctx context.Context, s *store, m measurement) measure.Sample {
	value := newValue()
	return measure.Run(ctx, m.clients, m.length, func(ctx context.Context, c, i int) error {
		key := fmt.Sprintf("%s%s/query-%03d-%06d", createPrefix, m.name, c, i)
		r, err := s.client(c).OptimisticPut(ctx, key, value, 0, kubernetes.PutOptions{})
		if err == nil && !r.Succeeded {
			err = errLost
		}
		return err
	})
}

// update is a compare-and-swap without conflict, as for PUT and PATCH.
func update(ctx context.Context, s *store, m measurement) measure.Sample {
	value := newValue()
	return measure.Run(ctx, m.clients, m.length, func(ctx context.Context, c, i int) error {
		k := i % updateKeys
		r, err := s.client(c).OptimisticPut(ctx, updateKey(c, k), value, s.revisions[c][k], kubernetes.PutOptions{GetOnFailure: true})
		switch {
		case err != nil:
			return err
		case !r.Succeeded:
			// The client does not know the outcome of an earlier write: continue from the stored value.
			if r.KV != nil {
				s.revisions[c][k] = r.KV.ModRevision
			}
			return errLost
		}
		s.revisions[c][k] = r.Revision
		return nil
	})
}

// get reads one of the loaded keys at random.
func get(ctx context.Context, s *store, m measurement) measure.Sample {
	return measure.Run(ctx, m.clients, m.length, func(ctx context.Context, c, _ int) error {
		r, err := s.client(c).Kubernetes.Get(ctx, s.keys[rand.IntN(len(s.keys))], kubernetes.GetOptions{})
		if err == nil && (r.KV == nil || len(r.KV.Value) != valueSize) {
			err = errors.New("get: a loaded key is missing or short")
		}
		return err
	})
}

// list reads the first page of the loaded keys; limit 0 reads all.
func list(limit int64) func(context.Context, *store, measurement) measure.Sample {
	return func(ctx context.Context, s *store, m measurement) measure.Sample {
		want := len(s.keys)
		if limit > 0 {
			want = min(want, int(limit))
		}
		return measure.Run(ctx, m.clients, m.length, func(ctx context.Context, c, _ int) error {
			r, err := s.client(c).List(ctx, listPrefix, kubernetes.ListOptions{Limit: limit})
			if err == nil && (len(r.Kvs) != want || r.Count != int64(len(s.keys))) {
				err = fmt.Errorf("list: got %d of %d keys, want %d of %d", len(r.Kvs), r.Count, want, len(s.keys))
			}
			return err
		})
	}
}
