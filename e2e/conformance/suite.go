package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/mckinsey/ark-server/e2e/conformance/testserver"
)

// counts of checks: tests and their subtests, each for itself.
type counts struct{ passed, failed, skipped int }

// runSuite runs a compiled test binary in the folder of its sources.
func runSuite(ctx context.Context, o options, binary, dir, transport string) (counts, error) {
	args := []string{
		"-test.v", "-test.timeout", o.timeout,
		"-test.count", fmt.Sprint(o.count), "-test.parallel", fmt.Sprint(o.parallel),
	}
	if o.run != "" {
		args = append(args, "-test.run", o.run)
	}
	if o.skip != "" {
		args = append(args, "-test.skip", o.skip)
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), testserver.TransportVariable+"="+transport)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return counts{}, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return counts{}, err
	}
	n := read(out, o.verbose)
	return n, cmd.Wait()
}

// read counts the outcomes in the output of a verbose test. Unless all of it is
// wanted, it prints what the failed tests said.
func read(out io.Reader, verbose bool) counts {
	var n counts
	var said []string
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		if verbose {
			fmt.Println(line)
		}
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "--- PASS:"):
			n.passed++
		case strings.HasPrefix(trimmed, "--- SKIP:"):
			n.skipped++
		case strings.HasPrefix(trimmed, "--- FAIL:"):
			n.failed++
			fmt.Println(trimmed)
		case strings.HasPrefix(line, "panic:"), strings.HasPrefix(line, "WARNING: DATA RACE"):
			said = append(said, line)
		case strings.HasPrefix(trimmed, "=== RUN"), verbose:
		default:
			said = append(said, line)
		}
		if len(said) > 4000 {
			said = said[2000:]
		}
	}
	if n.failed > 0 && !verbose {
		for _, line := range said {
			fmt.Println("    " + line)
		}
	}
	return n
}
