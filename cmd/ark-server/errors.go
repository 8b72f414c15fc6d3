package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is a wrong command line, as opposed to something that failed.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	if errors.As(err, &usageError{}) || isArgumentError(err) {
		return 2
	}
	return 1
}

// isArgumentError recognises cobra's complaint about an unknown command, which
// has no type of its own.
func isArgumentError(err error) bool {
	return strings.HasPrefix(err.Error(), "unknown command ")
}

// explain puts a command line error into the user's terms.
func explain(err error, cmd *cobra.Command) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && len(unknown.GetSpecifiedName()) > 1 {
		name := unknown.GetSpecifiedName()
		if near := nearestFlag(cmd.Flags(), name); near != "" {
			return fmt.Errorf("unknown flag --%s: did you mean --%s? (ark-server --help lists all)", name, near)
		}
		return fmt.Errorf("unknown flag --%s (ark-server --help lists all)", name)
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return fmt.Errorf("--%s=%s: %w", invalid.GetFlag().Name, invalid.GetValue(), invalid.Unwrap())
	}
	if isArgumentError(err) {
		return fmt.Errorf("%w (ark-server --help lists the commands)", err)
	}
	return err
}

// oneLine joins the lines of errors that were joined.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; ")
}

// nearestFlag returns the flag whose name is fewest edits away, if that is few.
func nearestFlag(fs *pflag.FlagSet, name string) string {
	best, distance := "", len(name)/3+2
	fs.VisitAll(func(f *pflag.Flag) {
		if d := edits(name, f.Name); d < distance {
			best, distance = f.Name, d
		}
	})
	return best
}

// edits is the Levenshtein distance of two words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
