package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/h2client"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

const (
	namespace = "bench-sizing"
	workers   = 64
	size      = 1 << 10
)

// target is a running server.
type target struct {
	server *component.ArkServer
	client *rest.RESTClient
	conns  []*h2client.Conn
}

// usage is the cost of a number of life cycles.
type usage struct {
	lives            int
	took             time.Duration
	p50, p99         time.Duration // of one write
	server, database time.Duration // processor time
	disk, memory     int64         // bytes
}

func start(ctx context.Context, dir string, place engine.Place) (*target, error) {
	server, err := component.StartArk(ctx, component.ArkOptions{Dir: dir, Storage: place.Flags()})
	if err != nil {
		return nil, err
	}
	t := &target{server: server}
	if t.client, err = component.RawClient(server.Config); err != nil {
		return nil, err
	}
	for range 8 {
		conn, err := h2client.Dial(ctx, server.Config)
		if err != nil {
			return nil, err
		}
		t.conns = append(t.conns, conn)
	}
	return t, query.EnsureNamespace(ctx, t.client, namespace)
}

// live runs the life cycles of queries at a rate per second, for a time. It reads the size of the
// database only at the end, because the server caches that size for a while.
func (t *target) live(ctx context.Context, rate int, length time.Duration) (usage, error) {
	server, database, err := t.cpu()
	if err != nil {
		return usage{}, err
	}
	names := make(chan string)
	var mu sync.Mutex
	var writes []time.Duration
	var failed error
	var u usage
	var running sync.WaitGroup
	for w := range workers {
		life := query.NewLife(t.conns[w%len(t.conns)], namespace, size, size)
		running.Go(func() {
			for name := range names {
				took := make([]time.Duration, 0, query.Steps)
				var err error
				for step := 0; step < query.Steps && err == nil; step++ {
					began := time.Now()
					err = life.Step(ctx, step, name)
					took = append(took, time.Since(began))
				}
				mu.Lock()
				writes = append(writes, took...)
				u.lives++
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	began := time.Now()
	ticks := time.NewTicker(time.Second / time.Duration(rate))
	defer ticks.Stop()
	for i := 0; time.Since(began) < length && ctx.Err() == nil; i++ {
		<-ticks.C
		names <- fmt.Sprintf("query-%06d", i)
	}
	close(names)
	running.Wait()
	u.took = time.Since(began)
	if failed != nil {
		return u, failed
	}
	serverAfter, databaseAfter, err := t.cpu()
	if err != nil {
		return u, err
	}
	u.server, u.database = serverAfter-server, databaseAfter-database
	u.p50, u.p99 = percentiles(writes)
	memory, err := t.server.Memory()
	if err != nil {
		return u, err
	}
	u.memory = memory.RSS
	u.disk, err = t.metric(ctx, "ark_store_database_bytes")
	return u, err
}

func percentiles(d []time.Duration) (p50, p99 time.Duration) {
	slices.Sort(d)
	return measure.Percentile(d, 50), measure.Percentile(d, 99)
}

// metric reads one number from the server.
func (t *target) metric(ctx context.Context, name string) (int64, error) {
	text, err := t.client.Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the metrics: %w", err)
	}
	_, rest, found := strings.Cut(string(text), "\n"+name+" ")
	if !found {
		return 0, fmt.Errorf("no metric %s", name)
	}
	number, _, _ := strings.Cut(rest, "\n")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	return int64(v), nil
}

// cpu returns the processor time of the server, and of the database server's processes, which are
// all other descendants of this process.
func (t *target) cpu() (server, database time.Duration, err error) {
	if server, err = t.server.CPU(); err != nil {
		return 0, 0, err
	}
	for _, pid := range descendants(os.Getpid()) {
		if pid == t.server.PID() {
			continue
		}
		if used, err := component.CPUTime(pid); err == nil { // otherwise it has just ended
			database += used
		}
	}
	return server, database, nil
}

// descendants returns the processes that a process has started, directly or indirectly.
func descendants(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], id)
	}
	var all []int
	for next := children[pid]; len(next) > 0; next = next[1:] {
		all = append(all, next[0])
		next = append(next, children[next[0]]...)
	}
	return all
}
