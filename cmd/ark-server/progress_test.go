package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// TestNoProgressOffATerminal checks that a file or a pipe receives only the permanent lines.
func TestNoProgressOffATerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p := newProgress(file)
	if r := reports(p); r.Progress != nil {
		t.Error("a transfer's progress is asked for")
	}
	p.show("half")
	if err := p.during("working", func() error { p.print("a line"); return nil }); err != nil {
		t.Error(err)
	}
	p.end()
	if got, _ := os.ReadFile(file.Name()); string(got) != "a line\n" {
		t.Errorf("the file holds %q", got)
	}
}

// TestProgress checks that on a terminal the line is updated in place, is not longer than the width
// of the terminal, stays below permanent lines and is removed at the end.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := &progress{to: &out, width: 20}
	p.show(strings.Repeat("x", 40))
	p.print("a line")
	p.show("half")
	p.end()
	p.end()
	if got, want := out.String(), clearLine+strings.Repeat("x", 19)+clearLine+"a line\n"+clearLine+"half"+clearLine; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	out.Reset()
	if err := p.during("working", func() error { time.Sleep(2 * progressEvery); return nil }); err != nil {
		t.Error(err)
	}
	if got := out.String(); !strings.HasPrefix(got, clearLine+"working, 0s") || !strings.HasSuffix(got, clearLine) {
		t.Errorf("got %q", got)
	}
}
