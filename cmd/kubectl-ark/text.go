package main

import (
	"io"
	"os"
	"strings"
	"unicode"
)

// isBidi reports whether a character changes the direction of a text, by which one can hide what it
// says.
func isBidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x061c || r == 0x200e || r == 0x200f
}

// harmless replaces what would move the cursor, colour, or turn the direction of a terminal: texts
// of agents and tools are anybody's. Lines and tabs stay.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return -1
		case unicode.IsControl(r) || isBidi(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// oneLine is a harmless text on one line, cut to a number of characters.
func oneLine(text string, most int) string {
	runes := []rune(strings.Join(strings.Fields(harmless(text)), " "))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}

// harmlessWriter writes harmless texts; each Write has whole characters.
type harmlessWriter struct{ to io.Writer }

// Write implements io.Writer.
func (w harmlessWriter) Write(text []byte) (int, error) {
	if _, err := io.WriteString(w.to, harmless(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// said is where texts of agents go: a terminal gets them harmless, a file or a pipe as they are.
func (a *app) said() io.Writer {
	if file, ok := a.out.(*os.File); ok && isTerminal(file) {
		return harmlessWriter{a.out}
	}
	return a.out
}

// The colours of terminals.
const (
	dim    = "2"
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// colour puts a text in a colour, where there are any.
func (a *app) colour(code, text string) string {
	if !a.coloured() || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
