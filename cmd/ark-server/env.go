package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// fromEnvironment sets the flags that the command line does not from the
// environment: --db-path from ARK_DB_PATH, and so on.
func fromEnvironment(fs *pflag.FlagSet) error {
	var errs []error
	fs.VisitAll(func(f *pflag.Flag) {
		name := environmentName(f.Name)
		value, found := os.LookupEnv(name)
		if !found || f.Changed || f.Name == "help" {
			return
		}
		if err := fs.Set(f.Name, value); err != nil {
			var invalid *pflag.InvalidValueError
			if errors.As(err, &invalid) {
				err = invalid.Unwrap()
			}
			errs = append(errs, fmt.Errorf("%s=%s (in the environment, for --%s): %w", name, value, f.Name, err))
		}
	})
	if len(errs) > 0 {
		return usageError{errors.Join(errs...)}
	}
	return nil
}

func environmentName(flag string) string {
	return "ARK_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
