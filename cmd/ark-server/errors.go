package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is an error in the command line, not a failure of the command.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// damageError reports that damage was found.
type damageError struct{ error }

func exitCode(err error) int {
	if errors.As(err, &damageError{}) {
		return 3
	}
	if errors.As(err, &usageError{}) || isArgumentError(err) {
		return 2
	}
	return 1
}

const unknownCommand = "unknown command "

// isArgumentError recognises cobra's error for an unknown command, which has no type.
func isArgumentError(err error) bool {
	return strings.HasPrefix(err.Error(), unknownCommand)
}

// explain rewrites a command line error in the terms of the user.
func explain(err error, cmd *cobra.Command) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		return unknownFlag(unknown, cmd)
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return fmt.Errorf("--%s=%s: %w", invalid.GetFlag().Name, invalid.GetValue(), invalid.Unwrap())
	}
	if isArgumentError(err) {
		// unknown command "severe" for "ark-server"
		name, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), unknownCommand+`"`), `"`)
		var known []string
		for _, sub := range cmd.Commands() {
			known = append(known, sub.Name())
		}
		return fmt.Errorf("%sunknown command %q%s (%s --help lists the commands)", prefixOf(cmd), name, didYouMean(name, "", known), cmd.CommandPath())
	}
	return remedied(err)
}

// prefixOf returns the name of a sub-command as a prefix for errors. The root needs no prefix: its
// name is printed in any case.
func prefixOf(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return ""
	}
	return cmd.CommandPath() + ": "
}

func unknownFlag(unknown *pflag.NotExistError, cmd *cobra.Command) error {
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	hint := fmt.Sprintf(" (%s --%s lists all)", cmd.CommandPath(), helpAll)
	// pflag parses -storage=x as several flags of one letter.
	if letters := unknown.GetSpecifiedShortnames(); letters != "" {
		name, _, _ := strings.Cut(letters, "=")
		return fmt.Errorf("unknown flag -%s%s%s", name, didYouMean(name, "--", known), hint)
	}
	name := unknown.GetSpecifiedName()
	return fmt.Errorf("unknown flag --%s%s%s", name, didYouMean(name, "--", known), hint)
}

// oneLine joins the lines of a joined error.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; ")
}
