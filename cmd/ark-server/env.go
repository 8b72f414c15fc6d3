package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/runas"
)

const variablePrefix = "ARK_"

// fromEnvironment sets the flags that the command line does not from the
// environment: --db-path from ARK_DB_PATH, and so on.
func fromEnvironment(fs *pflag.FlagSet) error {
	var errs []error
	fs.VisitAll(func(f *pflag.Flag) {
		name := environmentName(f.Name)
		value, found := os.LookupEnv(name)
		if !found || f.Changed || !isSetting(f.Name) || isServiceVariable(name, value) {
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
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// checkVariables looks for names in the environment that were meant for ark-server and set
// nothing. One that is all but certainly a setting's name, mistyped, is an error: the server would
// start with another database than it was told. Any other is reported as a warning only, because
// other programs may have variables that begin with ARK_ too.
func checkVariables(root *cobra.Command, environment []string) (warnings []string, err error) {
	var known []string
	for _, name := range []string{passwordVariable, runas.UserVariable, runas.FolderVariable} {
		known = append(known, strings.TrimPrefix(name, variablePrefix))
	}
	for _, flag := range settings(root) {
		known = append(known, strings.TrimPrefix(environmentName(flag), variablePrefix))
	}
	var errs []error
	for _, variable := range slices.Sorted(slices.Values(environment)) {
		name, value, _ := strings.Cut(variable, "=")
		own, ok := strings.CutPrefix(name, variablePrefix)
		if !ok || slices.Contains(known, own) || isForeign(name) || isServiceVariable(name, value) {
			continue
		}
		near, distance := nearest(own, known)
		switch {
		case near == "":
			warnings = append(warnings, name+" in the environment sets nothing: no flag has that name (ark-server --help-all lists them)")
		case certain(near, distance):
			errs = append(errs, fmt.Errorf("%s in the environment sets nothing: did you mean %s? Rename it, or unset it", name, variablePrefix+near))
		default:
			warnings = append(warnings, fmt.Sprintf("%s in the environment sets nothing: did you mean %s?", name, variablePrefix+near))
		}
	}
	if len(errs) > 0 {
		err = usageError{errors.Join(errs...)}
	}
	return warnings, err
}

// isForeign says that a variable is of the tests' and the Makefile's.
func isForeign(name string) bool { return name == "ARK_CACHE" || strings.HasPrefix(name, "ARK_TEST_") }

var (
	serviceVariable = regexp.MustCompile(`_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$|_ENV_`)
	serviceAddress  = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

// isServiceVariable says that a variable is one of those that Kubernetes sets in a container for
// each Service of the namespace, and Docker for linked containers: a Service ark-apiserver has
// ARK_APISERVER_SERVICE_HOST and ARK_APISERVER_PORT. That of a Service ark-db is ARK_DB_PORT, but
// its value is no number.
func isServiceVariable(name, value string) bool {
	switch {
	case serviceVariable.MatchString(name):
		return true
	case strings.HasSuffix(name, "_PORT"):
		return serviceAddress.MatchString(value)
	case strings.HasSuffix(name, "_NAME"): // Docker's, such as /web/db
		return strings.HasPrefix(value, "/")
	}
	return false
}
