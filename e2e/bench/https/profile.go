package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// profile drives the life of queries once more while the server profiles itself, and prints where its time went.
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
	fmt.Printf("\nCPU profile of ark-server under %d clients, in %s:\n", most, o.profile)
	for _, order := range []string{"-flat", "-cum"} {
		cmd := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", order, "-nodecount=40", binary, o.profile)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("print the profile: %w", err)
		}
	}
	return nil
}
