package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress is a line on a terminal that changes while a command works. If the output is not a
// terminal, it prints nothing. It is safe for concurrent use.
type progress struct {
	to    io.Writer
	width int // of the terminal; 0 if there is no terminal

	mu    sync.Mutex
	shown bool
}

func newProgress(stderr io.Writer) *progress {
	p := &progress{to: stderr}
	if file, ok := stderr.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		if p.width, _, _ = term.GetSize(int(file.Fd())); p.width <= 0 {
			p.width = helpWidth
		}
	}
	return p
}

func (p *progress) visible() bool { return p.width > 0 }

const (
	clearLine     = "\r\x1b[K"
	progressEvery = 200 * time.Millisecond
)

// show replaces the line.
func (p *progress) show(text string) {
	if !p.visible() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(text) >= p.width {
		text = strings.ToValidUTF8(text[:p.width-1], "")
	}
	fmt.Fprint(p.to, clearLine+text)
	p.shown = true
}

// print prints a permanent line above the changing line.
func (p *progress) print(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintln(p.to, line)
}

// end removes the line.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.to, clearLine)
		p.shown = false
	}
}

// during shows the name and the duration of a step while do runs.
func (p *progress) during(what string, do func() error) error {
	if !p.visible() {
		return do()
	}
	begin, done := time.Now(), make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() {
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				p.show(fmt.Sprintf("%s, %s", what, time.Since(begin).Round(time.Second)))
			}
		}
	})
	defer p.end()
	defer showing.Wait()
	defer close(done)
	return do()
}
