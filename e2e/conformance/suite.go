package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/mckinsey/ark-server/e2e/conformance/testserver"
)

// counts holds the number of tests and subtests by outcome; each subtest counts separately.
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
	cmd.Env = append(os.Environ(), testserver.TransportVariable+"="+transport, testserver.StorageVariable+"="+o.storage)
	if filepath.Base(dir) == "cacher" {
		// TestLists asserts that the watch cache lags behind until a request asks for progress. With
		// eager progress our watch cache would already be up to date.
		cmd.Env = append(cmd.Env, testserver.EagerVariable+"=off")
	}
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

// read counts the outcomes in the output of a verbose test. It prints the output of failed tests,
// or all output if verbose.
func read(out io.Reader, verbose bool) counts {
	var n counts
	said := map[string][]string{} // by test
	current := ""
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		if verbose {
			fmt.Println(line)
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		outcome, name, _ := strings.Cut(rest, " ")
		switch {
		case word == "===":
			current = strings.TrimSpace(name)
		case word == "---" && outcome == "PASS:":
			n.passed++
			delete(said, testName(name))
		case word == "---" && outcome == "SKIP:":
			n.skipped++
		case word == "---" && outcome == "FAIL:":
			n.failed++
			if !verbose {
				show(line, said[testName(name)])
			}
			delete(said, testName(name))
		case strings.HasPrefix(line, "panic:"), strings.HasPrefix(line, "WARNING: DATA RACE"):
			n.failed++
			fallthrough
		default:
			said[current] = append(said[current], line)
		}
	}
	if n.failed > 0 && !verbose {
		show("at the end:", said[current])
	}
	return n
}

// testName removes the duration.
func testName(s string) string {
	name, _, _ := strings.Cut(s, " ")
	return name
}

func show(title string, said []string) {
	fmt.Println(title)
	const most = 200
	for _, line := range said[max(0, len(said)-most):] {
		fmt.Println("    " + line)
	}
}
