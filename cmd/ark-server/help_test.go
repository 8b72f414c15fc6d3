package main

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// printed runs a command that must succeed, and returns its standard output.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), args, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Errorf("%v: exit code %d, %s", args, code, stderr.String())
	}
	return stdout.String()
}

// commands returns the command and those sub-commands that have our own help.
func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if sub.Name() != "help" && sub.Name() != "completion" {
			all = append(all, commands(sub)...)
		}
	}
	return all
}

var flagInHelp = regexp.MustCompile(`(?m)^  (?:-\w, )?--([a-z0-9-]+)`)

func flagsIn(help string) []string {
	var names []string
	for _, found := range flagInHelp.FindAllStringSubmatch(help, -1) {
		names = append(names, found[1])
	}
	return names
}

// TestHelpFits checks that the help of every command fits a terminal, and that with --help-all it
// has every flag.
func TestHelpFits(t *testing.T) {
	for _, cmd := range commands(newCommand()) {
		path := strings.Fields(cmd.CommandPath())[1:]
		whole := printed(t, append(path, "--help")...)
		if cmd.Flags().Lookup(helpAll) != nil {
			all := printed(t, append(path, "--"+helpAll)...)
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				if isSetting(f.Name) && !f.Hidden && !slices.Contains(flagsIn(all), f.Name) {
					t.Errorf("%s --%s leaves out --%s", cmd.CommandPath(), helpAll, f.Name)
				}
			})
			whole += all
		}
		for line := range strings.SplitSeq(whole, "\n") {
			if len([]rune(line)) > helpWidth {
				t.Errorf("%s: a line of the help is wider than %d: %s", cmd.CommandPath(), helpWidth, line)
			}
		}
	}
}

// TestHelpBeginsWithTenFlags checks that these flags come before the commands, in the order in
// which they are needed, and that the help names --help-all.
func TestHelpBeginsWithTenFlags(t *testing.T) {
	help := printed(t, "--help")
	flags, commands, found := strings.Cut(help, "\nCommands:\n")
	if !found {
		t.Fatalf("no commands in %s", help)
	}
	if got := flagsIn(flags); !slices.Equal(got, newcomersFlags) || len(got) != 10 {
		t.Errorf("the help begins with %v, want %v", got, newcomersFlags)
	}
	if !strings.Contains(commands, "--help-all") || !strings.Contains(commands, "ARK_DB_PATH") {
		t.Errorf("the help does not say how to get the rest: %s", commands)
	}
}

func TestVersionFlag(t *testing.T) {
	if flag, command := printed(t, "--version"), printed(t, "version"); flag != command || !strings.HasPrefix(flag, "ark-server ") {
		t.Errorf("--version prints %q, version %q", flag, command)
	}
}

// TestCompletion checks that every flag with a choice of values completes to them, and that flags
// that are not files do not complete to files.
func TestCompletion(t *testing.T) {
	for _, c := range []struct{ args, want []string }{
		{[]string{"--storage", ""}, []string{"sqlite", "postgresql", "mysql", "etcd", ":4"}},
		{[]string{"--storage="}, []string{"sqlite", ":4"}},
		{[]string{"--mode", ""}, []string{"standalone", "aggregated", ":4"}},
		{[]string{"--log-level", ""}, []string{"error", "warn", "info", "debug"}},
		{[]string{"import", "--db-tls-mode", ""}, []string{"disable", "verify-full"}},
		{[]string{"export", "--format", ""}, []string{"yaml", "ndjson"}},
		{[]string{"--secure-port", ""}, []string{":4"}},
		{[]string{"--db-path", ""}, []string{":0"}},
		{[]string{"--keys-dir", ""}, []string{":16"}},
		{[]string{"mig"}, []string{"migrate"}},
		{[]string{"migrate", ""}, []string{"status", "up"}},
		{[]string{"--data-dir", ""}, []string{":16"}},
		{[]string{"--config", ""}, []string{":0"}},
		{[]string{"config", ""}, []string{"print"}},
		{[]string{"--db-pa"}, []string{"--db-path", "--db-password-file"}},
	} {
		var stdout, stderr bytes.Buffer
		run(context.Background(), append([]string{cobra.ShellCompNoDescRequestCmd}, c.args...), &stdout, &stderr)
		for _, want := range c.want {
			if !slices.Contains(strings.Split(stdout.String(), "\n"), want) {
				t.Errorf("%v completes to %q, without %q", c.args, stdout.String(), want)
			}
		}
	}
}

func TestWrapText(t *testing.T) {
	words := strings.Repeat("word ", 30)
	got := wrapText("one\ntwo\n\n  an example that stays as it is " + words + "\n\n" + words)
	for i, line := range strings.Split(got, "\n") {
		switch {
		case i == 0 && line != "one two":
			t.Errorf("lines of a paragraph are not joined: %q", line)
		case i == 2 && !strings.HasPrefix(line, "  an example that stays"):
			t.Errorf("the example has changed: %q", line)
		case i > 2 && len(line) > helpWidth:
			t.Errorf("%q is too wide", line)
		}
	}
}
