package main

import "testing"

func TestHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttext\n":       "plain\ttext\n",
		"a\x1b[2Jb\x07":       "a\ufffd[2Jb\ufffd",
		"left\u202eright":     "left\ufffdright",
		"over\rwritten":       "overwritten",
		"\u0085next\u2066iso": "\ufffdnext\ufffdiso",
		"müller 日本":           "müller 日本",
	} {
		if got := harmless(text); got != want {
			t.Errorf("harmless(%q) = %q, want %q", text, got, want)
		}
	}
	if got := oneLine("a\n b\t\x1bc   d", 7); got != "a b \ufffdc…" {
		t.Errorf("one line: %q", got)
	}
}

func TestCut(t *testing.T) {
	if got, want := cut("\x1b[31mabcdef\x1b[0m", 3), "\x1b[31mabc\x1b[0m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
