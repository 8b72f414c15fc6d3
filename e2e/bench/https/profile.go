package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// profile runs the life cycle of queries once more while the server profiles itself, and prints the
// shares of its time.
func (t *target) profile(ctx context.Context, o options) error {
	most := 1
	for _, n := range o.clients {
		most = max(most, n)
	}
	seconds := max(int(o.length/time.Second), 5)
	type answer struct {
		text []byte
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := t.plain.Get().AbsPath("/debug/pprof/profile").Param("seconds", strconv.Itoa(seconds)).DoRaw(ctx)
		got <- answer{text, err}
	}()
	life(ctx, t, most, time.Duration(seconds)*time.Second, "profile")
	a := <-got
	if a.err != nil {
		return fmt.Errorf("profile the server: %w", a.err)
	}
	if err := os.WriteFile(o.profile, a.text, 0o644); err != nil {
		return fmt.Errorf("write the profile: %w", err)
	}
	binary, err := component.ServerBinary()
	if err != nil {
		return err
	}
	top, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-cum", "-nodefraction=0", "-nodecount=100000", binary, o.profile).Output()
	if err != nil {
		return fmt.Errorf("read the profile: %w", err)
	}
	fmt.Printf("\nCPU of ark-server under %d clients by area (of all samples; areas overlap), from %s:\n", most, o.profile)
	for _, a := range areas() {
		if percent, found := share(string(top), a.function); found {
			fmt.Printf("  %6s  %s\n", percent, a.name)
		}
	}
	fmt.Printf("\nand by function, the largest by themselves:\n")
	cmd := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-flat", "-nodecount=30", binary, o.profile)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("print the profile: %w", err)
	}
	return nil
}

// area is a part of the work, with the function that runs all of it.
type area struct{ name, function string }

func areas() []area {
	const machinery, server = "k8s.io/apimachinery/pkg/", "k8s.io/apiserver/pkg/"
	return []area{
		{"HTTP/2, reading frames", "golang.org/x/net/http2.(*serverConn).readFrames"},
		{"HTTP/2, serving connections", "golang.org/x/net/http2.(*serverConn).serve"},
		{"HTTP/2, writing frames", "golang.org/x/net/http2.(*serverConn).writeFrameAsync"},
		{"the write itself, in the handlers", server + "endpoints/handlers/finisher.finishRequest.func1"},
		{"managed fields, updates", machinery + "util/managedfields/internal.(*FieldManager).Update"},
		{"managed fields, conversion to typed values", machinery + "util/managedfields/internal.(*typeConverter).ObjectToTyped"},
		{"decoding", machinery + "runtime/serializer/json.(*Serializer).Decode"},
		{"encoding", machinery + "runtime/serializer/json.(*Serializer).Encode"},
		{"declarative validation", server + "registry/rest.DeclarativeValidation.ValidateDeclaratively"},
		{"etcd3 storage, updates", server + "storage/etcd3.(*store).GuaranteedUpdate"},
		{"etcd3 storage, creates", server + "storage/etcd3.(*store).Create"},
		{"etcd3 storage, deletes", server + "storage/etcd3.(*store).Delete"},
		{"watch cache, decoding of events", server + "storage/etcd3.(*concurrentOrderedEventProcessing).scheduleEventProcessing.func1"},
		{"watch cache, delivery", server + "storage/cacher.(*Cacher).dispatchEvents"},
		{"the store's sequencer, with SQLite", "github.com/mckinsey/ark-server/internal/mvcc.(*sequencer).run"},
		{"SQLite", "github.com/mckinsey/ark-server/internal/mvcc/sqlite.(*Engine).Commit"},
		{"TLS, writing", "crypto/tls.(*Conn).Write"},
		{"TLS, reading", "crypto/tls.(*Conn).Read"},
		{"garbage collection in the background", "runtime.gcBgMarkWorker"},
		{"allocation, with the collection it does", "runtime.mallocgc"},
		{"scheduling of goroutines", "runtime.schedule"},
	}
}

// share returns a function's cumulative percentage in the output of pprof -top -cum.
func share(top, function string) (percent string, found bool) {
	for line := range strings.Lines(top) {
		// flat flat% sum% cum cum% function, perhaps followed by (inline).
		f := strings.Fields(line)
		if len(f) >= 6 && f[5] == function {
			return f[4], true
		}
	}
	return "", false
}
