// Command idle prints the cost of an idle standalone ark-server: its start-up time, its resident
// memory, its processor time per hour, and the size of its binary. It compares them with etcd,
// kube-apiserver and kube-controller-manager in the same run; -peer=none leaves these out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
)

func main() {
	settle := flag.Duration("settle", 3*time.Minute, "how long to leave them alone before the memory is read: the server gives unused memory back after two minutes")
	length := flag.Duration("length", 2*time.Minute, "how long their processor time is counted after that")
	peer := flag.String("peer", "cluster", "cluster: beside a real control plane; none: without")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *settle, *length, *peer != "none"); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// system is a process to be measured.
type system struct {
	name, binary string
	process      *component.Process
	ready        time.Duration // 0 if it was not started alone
}

func run(ctx context.Context, settle, length time.Duration, withPeer bool) (err error) {
	dir, err := os.MkdirTemp("", "ark-bench-idle-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	machine, err := measure.Machine(dir)
	if err != nil {
		return err
	}
	fmt.Println(machine)
	ark, first, err := startArk(ctx, dir)
	if err != nil {
		return err
	}
	defer ark.process.Kill()
	fmt.Printf("ark-server: the first start, which makes database and keys, was ready after %s s\n", measure.Seconds(first))
	systems := []system{ark}
	if withPeer {
		place := filepath.Join(dir, "cluster")
		if err := os.Mkdir(place, 0o700); err != nil {
			return err
		}
		began := time.Now()
		cluster, err := component.StartCluster(ctx, component.ClusterOptions{Dir: place})
		if err != nil {
			return err
		}
		defer cluster.Kill()
		fmt.Printf("etcd, kube-apiserver and kube-controller-manager together were ready after %s s\n", measure.Seconds(time.Since(began)))
		systems = append(systems, system{name: "etcd", binary: "etcd", process: cluster.Etcd.Process},
			system{name: "kube-apiserver", binary: "kube-apiserver", process: cluster.API},
			system{name: "kube-controller-manager", binary: "kube-controller-manager", process: cluster.Controllers})
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	return compare(ctx, systems, length)
}

// startArk starts a server for the second time, on the existing database and keys, and also returns
// how long the first start took.
func startArk(ctx context.Context, dir string) (system, time.Duration, error) {
	var first time.Duration
	for {
		began := time.Now()
		server, err := component.StartArk(ctx, component.ArkOptions{Dir: dir})
		if err != nil {
			return system{}, 0, err
		}
		took := time.Since(began)
		if first > 0 {
			return system{name: "ark-server", process: server.Process, ready: took}, first, nil
		}
		first = took
		if err := server.Stop(); err != nil {
			return system{}, 0, err
		}
	}
}

// compare prints the memory of each system, and its processor time within a period.
func compare(ctx context.Context, systems []system, length time.Duration) error {
	var before []time.Duration
	for _, s := range systems {
		cpu, err := s.process.CPU()
		if err != nil {
			return err
		}
		before = append(before, cpu)
	}
	if err := pause(ctx, length); err != nil {
		return err
	}
	table := measure.NewTable(os.Stdout, "idle", "ready after, s", "resident, MiB", "processor, s an hour", "binary, MiB")
	for i, s := range systems {
		cpu, err := s.process.CPU()
		if err != nil {
			return err
		}
		memory, err := s.process.Memory()
		if err != nil {
			return err
		}
		size, err := s.size()
		if err != nil {
			return err
		}
		ready := "-"
		if s.ready > 0 {
			ready = measure.Seconds(s.ready)
		}
		hourly := (cpu - before[i]).Seconds() * time.Hour.Seconds() / length.Seconds()
		table.Row(s.name, ready, fmt.Sprint(memory.RSS>>20), fmt.Sprintf("%.0f", hourly), fmt.Sprint(size>>20))
	}
	return table.Flush()
}

// size returns the size of the binary.
func (s system) size() (int64, error) {
	path, err := component.ServerBinary()
	if s.binary != "" {
		path, err = component.Binary(s.binary)
	}
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return errors.New("interrupted")
	case <-time.After(d):
		return nil
	}
}
