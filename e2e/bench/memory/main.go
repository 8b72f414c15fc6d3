// Command memory loads many Query objects into an ark-server and restarts it. It prints the
// duration of the start, and the memory of the server after the start and during a full list. With
// -churn it creates and deletes the objects, and prints the remaining memory; with -large it
// creates objects of 1.5, 8 and 15 MiB.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
	"github.com/mckinsey/ark-server/e2e/internal/query"
)

const (
	namespace = "bench-memory"
	// inputSize results in an object of 2 KiB, with the metadata that the server adds.
	inputSize = 1400
	loaders   = 64
)

func main() {
	objects := flag.Int("objects", 100_000, "queries of 2 KiB")
	storage := flag.String("storage", engine.SQLite, "where to keep them: sqlite, postgresql or mysql, on a server of its own")
	churned := flag.Int("churn", 0, "in place of that, make and delete so many queries, twice, and print what stays resident")
	idle := flag.Duration("idle", 6*time.Minute, "with -churn, how long to leave the server alone before the last figure")
	largeOnes := flag.Int("large", 0, "in place of that, make so many queries of each of 1.5, 8 and 15 MiB, and print what the server holds")
	profile := flag.String("profile", "", "a file for the heap's profile, taken once the server is idle after its last start")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch {
	case *largeOnes > 0:
		err = large(ctx, *storage, *largeOnes)
	case *churned > 0:
		err = onServer(ctx, *storage, func(server *component.ArkServer) error { return churn(ctx, server, *storage, *churned, *idle) })
	default:
		err = inPlace(ctx, *storage, func(o component.ArkOptions) error { return run(ctx, o, *storage, *objects, *profile) })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o component.ArkOptions, storage string, objects int, profile string) error {
	fmt.Printf("%s; ", storage)
	server, err := component.StartArk(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if server != nil { // the server that runs at the end
			server.Kill()
		}
	}()
	if err := load(ctx, server.Config, objects); err != nil {
		return err
	}
	spent, err := server.CPU()
	if err != nil {
		return err
	}
	fmt.Printf("  of the server's processor time: %s s, %.0f µs a query\n", measure.Seconds(spent), float64(spent.Microseconds())/float64(objects))
	if err := report(server, "after loading"); err != nil {
		return err
	}
	for _, end := range []struct {
		name string
		stop func() error
	}{
		{"a clean stop", server.Stop},
		{"kill -9", func() error { server.Kill(); return nil }},
	} {
		if err := end.stop(); err != nil {
			return err
		}
		began := time.Now()
		if server, err = component.StartArk(ctx, o); err != nil {
			return err
		}
		took := time.Since(began)
		cpu, err := server.CPU()
		if err != nil {
			return err
		}
		fmt.Printf("ready after %s: %s s, of them %s s of processor time\n", end.name, measure.Seconds(took), measure.Seconds(cpu))
		if err := report(server, "after the start"); err != nil {
			return err
		}
		// A ready server is not idle yet: the garbage collector scans all objects before it collects.
		if err := settle(ctx, server); err != nil {
			return err
		}
		settled, err := server.CPU()
		if err != nil {
			return err
		}
		if err := report(server, fmt.Sprintf("once idle, after another %s s of processor time", measure.Seconds(settled-cpu))); err != nil {
			return err
		}
		if err := list(ctx, server, objects); err != nil {
			return err
		}
	}
	if profile != "" {
		if err := saveHeap(ctx, server, profile); err != nil {
			return err
		}
	}
	return server.Stop()
}

func load(ctx context.Context, config *rest.Config, objects int) error {
	var clients []*rest.RESTClient
	for range 8 {
		c, err := component.RawClient(config)
		if err != nil {
			return err
		}
		clients = append(clients, c)
	}
	if err := query.EnsureNamespace(ctx, clients[0], namespace); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	spec := query.Spec(inputSize)
	began := time.Now()
	s := measure.RunCount(ctx, loaders, (objects+loaders-1)/loaders, func(ctx context.Context, c, i int) error {
		n := i*loaders + c
		if n >= objects {
			return nil
		}
		return query.Create(ctx, clients[c%len(clients)], namespace, fmt.Sprintf("query-%06d", n), spec)
	})
	fmt.Printf("%d cores; loaded %d queries in %s s over HTTPS, %s a second\n", runtime.NumCPU(), objects, measure.Seconds(time.Since(began)), measure.Rate(s.Rate))
	return s.FirstError
}

func report(server *component.ArkServer, when string) error {
	m, err := server.Memory()
	if err != nil {
		return err
	}
	fmt.Printf("  resident %s: %d MiB (peak %d MiB)", when, m.RSS>>20, m.Peak>>20)
	parts, err := heapParts(server)
	if err != nil {
		return err
	}
	fmt.Printf("; %s\n", parts)
	return nil
}

// settle waits until the server is nearly idle.
func settle(ctx context.Context, server *component.ArkServer) error {
	const look, idle = 2 * time.Second, 50 * time.Millisecond
	for before := time.Duration(-1); ; {
		now, err := server.CPU()
		if err != nil {
			return err
		}
		if before >= 0 && now-before < idle {
			return nil
		}
		before = now
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
	}
}

// heapParts describes the parts of Go's heap: objects, live or garbage; unused room in pages with
// objects; pages that are free, but held.
func heapParts(server *component.ArkServer) (string, error) {
	client, err := component.RawClient(server.Config)
	if err != nil {
		return "", err
	}
	data, err := client.Get().AbsPath("/metrics").Do(context.Background()).Raw()
	if err != nil {
		return "", fmt.Errorf("read the metrics: %w", err)
	}
	value := map[string]float64{}
	for _, found := range memstats.FindAllSubmatch(data, -1) {
		if value[string(found[1])], err = strconv.ParseFloat(string(found[2]), 64); err != nil {
			return "", fmt.Errorf("read the metrics: %w", err)
		}
	}
	const mebibyte = 1 << 20
	return fmt.Sprintf("objects %.0f, beside them %.0f, free %.0f, stacks %.0f, Go's own %.0f MiB",
		value["heap_alloc"]/mebibyte, (value["heap_inuse"]-value["heap_alloc"])/mebibyte, (value["heap_idle"]-value["heap_released"])/mebibyte,
		value["stack_inuse"]/mebibyte, (value["gc_sys"]+value["mspan_sys"]+value["mcache_sys"]+value["buck_hash_sys"]+value["other_sys"])/mebibyte), nil
}

var memstats = regexp.MustCompile(`(?m)^go_memstats_(\w+)_bytes (\S+)$`)

// saveHeap writes a profile of the live objects on the server's heap to a file.
func saveHeap(ctx context.Context, server *component.ArkServer, file string) error {
	client, err := component.RawClient(server.Config)
	if err != nil {
		return err
	}
	data, err := client.Get().AbsPath("/debug/pprof/heap").Param("gc", "1").Do(ctx).Raw()
	if err != nil {
		return fmt.Errorf("fetch the heap's profile: %w", err)
	}
	return os.WriteFile(file, data, 0o600)
}

// list reads all objects in one answer, without compression and as fast as the server sends it.
func list(ctx context.Context, server *component.ArkServer, objects int) error {
	config := rest.CopyConfig(server.Config)
	config.DisableCompression = true
	client, err := component.RawClient(config)
	if err != nil {
		return err
	}
	before, err := server.Memory()
	if err != nil {
		return err
	}
	if err := server.ResetPeak(); err != nil {
		return err
	}
	began := time.Now()
	n, size, err := query.List(ctx, client, namespace, 0)
	if err != nil {
		return err
	}
	took := time.Since(began)
	if n != objects {
		return fmt.Errorf("list: got %d queries, want %d", n, objects)
	}
	after, err := server.Memory()
	if err != nil {
		return err
	}
	fmt.Printf("  list of %d in %s s: %d MiB, %d bytes an object; peak %d MiB, %d MiB above the start, %s times the data\n",
		n, measure.Seconds(took), size>>20, size/n, after.Peak>>20, (after.Peak-before.RSS)>>20,
		measure.Ratio(float64(after.Peak-before.RSS), float64(size)))
	return nil
}
