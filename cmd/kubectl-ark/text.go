package main

import (
	"io"
	"os"
	"strings"
	"unicode"
)

// isBidi reports whether a character changes the direction of a text. Such characters can hide what
// a text says.
func isBidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x061c || r == 0x200e || r == 0x200f
}

// harmless replaces characters that move the cursor, change colours, or change the text direction
// of a terminal: texts of agents and tools are not trusted. It keeps line breaks and tabs.
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

// oneLine returns a harmless text on one line, cut to a number of characters.
func oneLine(text string, most int) string {
	runes := []rune(strings.Join(strings.Fields(harmless(text)), " "))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}

// harmlessWriter writes harmless texts; each Write must contain whole characters.
type harmlessWriter struct{ to io.Writer }

// Write implements io.Writer.
func (w harmlessWriter) Write(text []byte) (int, error) {
	if _, err := io.WriteString(w.to, harmless(string(text))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// said returns the writer for texts of agents. For a terminal it makes them harmless; for a file or
// a pipe it writes them unchanged.
func (a *app) said() io.Writer {
	if file, ok := a.out.(*os.File); ok && isTerminal(file) {
		return harmlessWriter{a.out}
	}
	return a.out
}

// Terminal colours.
const (
	dim    = "2"
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

// colour adds a colour to a text, if colours are enabled.
func (a *app) colour(code, text string) string {
	if !a.coloured() || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
