package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/term"
)

// ctrlC is the byte that the key sends in the raw mode of a terminal.
const ctrlC = 3

// errInterrupted is returned by a reader of lines at Ctrl-C.
var errInterrupted = errors.New("interrupted")

// lineReader reads lines from a terminal or a pipe. It returns io.EOF at the end.
type lineReader interface {
	read(ctx context.Context, prompt string) (string, error)
	terminal() bool
}

func (a *app) lineReader() lineReader {
	in, ok := a.in.(*os.File)
	out, typed := a.out.(*os.File)
	if ok && typed && isTerminal(in) && isTerminal(out) {
		t := &typedLines{in: in, out: out}
		t.editor = term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{t, out}, "")
		return t
	}
	lines := bufio.NewScanner(a.in)
	lines.Buffer(nil, maxLine)
	return &pipedLines{lines}
}

type pipedLines struct{ from *bufio.Scanner }

func (p *pipedLines) terminal() bool { return false }

func (p *pipedLines) read(ctx context.Context, _ string) (string, error) {
	more := make(chan bool, 1)
	go func() { more <- p.from.Scan() }() // the goroutine outlives this call only if the command ends
	select {
	case <-ctx.Done():
		return "", errInterrupted
	case found := <-more:
		if found {
			return p.from.Text(), nil
		}
	}
	if err := p.from.Err(); err != nil {
		return "", err
	}
	return "", io.EOF
}

// typedLines is a line editor with the earlier lines at the arrow keys. The terminal is in raw mode
// only while a line is typed, so that Ctrl-C is a signal while an answer is printed.
type typedLines struct {
	in, out *os.File
	editor  *term.Terminal
	stopped bool // by Ctrl-C
}

func (t *typedLines) terminal() bool { return true }

// Read implements io.Reader for the editor. The editor treats Ctrl-C as the end of the input, and
// then returns io.EOF for every later line. Read therefore replaces Ctrl-C by the end of a line,
// and that line is discarded.
func (t *typedLines) Read(into []byte) (int, error) {
	n, err := t.in.Read(into)
	for i, key := range into[:n] {
		if key == ctrlC {
			t.stopped, into[i] = true, '\r'
		}
	}
	return n, err
}

func (t *typedLines) read(_ context.Context, prompt string) (string, error) {
	descriptor := int(t.in.Fd()) //nolint:gosec // descriptors are small
	before, err := term.MakeRaw(descriptor)
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(descriptor, before) }()              // there is no other way to recover
	if width, height, err := term.GetSize(int(t.out.Fd())); err == nil { //nolint:gosec // the same
		_ = t.editor.SetSize(width, height) // a wrong size only breaks lines in the wrong place
	}
	t.stopped = false
	t.editor.SetPrompt(prompt)
	line, err := t.editor.ReadLine()
	if errors.Is(err, io.EOF) {
		_, _ = io.WriteString(t.out, "\r\n") // the next line reports what is wrong with the terminal
	}
	if t.stopped {
		return "", errInterrupted
	}
	return line, err
}
