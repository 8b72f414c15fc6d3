package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// checkValue returns an error if the value of a flag is not one of those allowed.
func checkValue(flag, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("--%s=%s%s: use %s", flag, value, didYouMean(value, "", allowed), strings.Join(allowed, " or "))
}

// printJSON prints a value for --output=json.
func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// placeholder returns the placeholder of a flag's value in its usage: `file`, or `yaml|ndjson` for
// a choice.
func placeholder(f *pflag.Flag) string {
	name, _ := pflag.UnquoteUsage(f)
	return name
}

// completeValues adds shell completion for the values of a command's flags: choices, and files and
// folders by their placeholders.
func completeValues(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Value.Type() == "bool" {
			return
		}
		complete := cobra.NoFileCompletions
		switch value := placeholder(f); {
		case strings.Contains(value, "|"):
			complete = cobra.FixedCompletions(strings.Split(value, "|"), cobra.ShellCompDirectiveNoFileComp)
		case value == "file":
			complete = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
		case value == "folder":
			complete = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
		}
		// It fails only for a flag that already has a completion.
		_ = cmd.RegisterFlagCompletionFunc(f.Name, complete)
	})
}
