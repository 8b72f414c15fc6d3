package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is the width of a terminal.
const helpWidth = 80

// helpAll is the name of the flag that prints the help with every flag.
const helpAll = "help-all"

// errHelpPrinted ends a command that was asked for its complete help.
var errHelpPrinted = errors.New("the help was printed")

// newcomersFlags are the flags at the start of the help. --help-all prints the others.
var newcomersFlags = []string{
	"mode", "config", "data-dir", "storage", "db-host", "db-name", "db-user", "db-password-file",
	"bind-address", "secure-port",
}

// ownFlags is the title of the group of a command's own flags. The help shows all flags of this
// group.
const ownFlags = "Flags"

// withFlags adds flags to a command, in groups, with their help and completion.
func withFlags(cmd *cobra.Command, groups ...flagGroup) *cobra.Command {
	for _, group := range groups {
		cmd.Flags().AddFlagSet(group.flags)
	}
	cmd.Flags().SortFlags = false
	if len(groups) > 0 {
		cmd.Flags().Bool(helpAll, false, "print every flag")
	}
	cmd.SetHelpFunc(helpWith(groups))
	completeValues(cmd)
	return cmd
}

// parent returns a command that only has sub-commands. choices lists them for the error that a call
// without a sub-command returns.
func parent(use, choices, short, long string, commands ...*cobra.Command) *cobra.Command {
	cmd := withFlags(&cobra.Command{
		Use:   use,
		Short: short,
		Long:  long,
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageError{fmt.Errorf("say what to do: %s (ark-server %s --help)", choices, use)}
		},
	})
	cmd.AddCommand(commands...)
	return cmd
}

// helpWith prints the help of a command: either the most common flags, then the commands; or all
// flags in their groups.
func helpWith(groups []flagGroup) func(*cobra.Command, []string) {
	return func(cmd *cobra.Command, _ []string) {
		out := cmd.OutOrStdout()
		all, _ := cmd.Flags().GetBool(helpAll)
		text := cmd.Long
		if text == "" {
			text = cmd.Short
		}
		fmt.Fprintf(out, "%s\nUsage:\n%s", wrapText(text), wrapped(2, 4, cmd.UseLine()))
		if cmd.HasAvailableSubCommands() && cmd.Runnable() && !cmd.HasParent() {
			fmt.Fprintf(out, "  %s COMMAND [flags]\n", cmd.CommandPath())
		}
		left := 0
		if all {
			printAll(out, groups)
		} else {
			left = printFew(out, groups)
		}
		if cmd.HasAvailableSubCommands() {
			printCommands(out, cmd)
		}
		if len(groups) > 0 {
			fmt.Fprintln(out)
			if left > 0 {
				fmt.Fprintf(out, "%s --%s lists the other %d flags too.\n", cmd.CommandPath(), helpAll, left)
			}
			fmt.Fprint(out, wrapped(0, 0, "Every flag can be set in the environment too, --db-path as ARK_DB_PATH, and in the file of --config as db-path."))
		}
	}
}

func printCommands(out io.Writer, cmd *cobra.Command) {
	fmt.Fprintf(out, "\nCommands:\n")
	width := 0
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			width = max(width, len(sub.Name()))
		}
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			fmt.Fprint(out, wrapped(2, width+4, fmt.Sprintf("%-*s  ", width, sub.Name())+sub.Short))
		}
	}
}

func printAll(out io.Writer, groups []flagGroup) {
	for _, group := range groups {
		fmt.Fprintf(out, "\n%s:\n", group.name)
		group.flags.VisitAll(func(f *pflag.Flag) { printFlag(out, f) })
	}
}

// printFew prints the most common flags, and returns how many it left out.
func printFew(out io.Writer, groups []flagGroup) (left int) {
	var few []*pflag.Flag
	for _, group := range groups {
		group.flags.VisitAll(func(f *pflag.Flag) {
			switch {
			case f.Hidden:
			case group.name == ownFlags || slices.Contains(newcomersFlags, f.Name):
				few = append(few, f)
			default:
				left++
			}
		})
	}
	if len(few) == 0 {
		return left
	}
	fmt.Fprintf(out, "\nFlags:\n")
	for _, f := range few {
		printFlag(out, f)
	}
	return left
}

// printFlag prints --name=value on a line, and the description below it.
func printFlag(out io.Writer, f *pflag.Flag) {
	if f.Hidden {
		return
	}
	value, usage := pflag.UnquoteUsage(f)
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if strings.Contains(value, "|") { // a choice is not printed twice
		usage = strings.TrimPrefix(usage, value+": ")
		usage = strings.TrimSuffix(usage, ": "+value)
	}
	switch {
	case value == "":
	case f.NoOptDefVal != "":
		name += "[=" + value + "]"
	default:
		name += "=" + value
	}
	if !slices.Contains([]string{"", "0", "0s", "false", "[]"}, f.DefValue) && !strings.Contains(usage, "(default") {
		usage += " (default " + f.DefValue + ")"
	}
	fmt.Fprintf(out, "  %s\n%s", name, wrapped(6, 6, usage))
}

// wrapText breaks the lines of paragraphs. A line that begins with a space is an example and is not
// broken. If an example is too wide, its trailing comment moves to the line above it.
func wrapText(text string) string {
	var out strings.Builder
	var words []string
	flush := func() {
		if len(words) > 0 {
			out.WriteString(wrapped(0, 0, strings.Join(words, " ")))
			words = nil
		}
	}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if line == "" || strings.HasPrefix(line, " ") {
			flush()
			if i := strings.LastIndex(line, "  # "); i > 0 && len(line) > helpWidth {
				out.WriteString("  " + line[i+2:] + "\n")
				line = strings.TrimRight(line[:i], " ")
			}
			out.WriteString(line + "\n")
			continue
		}
		words = append(words, line)
	}
	flush()
	return out.String()
}

// wrapped breaks a text into lines. It indents the first line by first and the others by rest. A
// word that is longer than a line gets a separate line.
func wrapped(first, rest int, text string) string {
	var out strings.Builder
	line := strings.Repeat(" ", first)
	empty := true
	for i, word := range strings.Split(text, " ") {
		switch {
		case i == 0:
			line += word
		case empty || len(line)+1+len(word) <= helpWidth:
			line += " " + word
		default:
			out.WriteString(strings.TrimRight(line, " ") + "\n")
			line = strings.Repeat(" ", rest) + word
		}
		empty = strings.TrimSpace(line) == ""
	}
	out.WriteString(strings.TrimRight(line, " ") + "\n")
	return out.String()
}
