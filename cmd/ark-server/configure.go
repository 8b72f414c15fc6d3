package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/privatefile"
)

// addConfigurationFlags adds the flags that name the sources of other settings.
func (o *options) addConfigurationFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.configFile, "config", "", "YAML `file` of settings, one flag: value a line; the command line and the environment win over it")
	fs.StringVar(&o.dataDir, "data-dir", "", "`folder` for all state: database, keys, kubeconfig; made if missing. Flags for one of these win over it")
}

// source is where the value of a flag was set.
type source struct {
	// place is a human-readable description.
	place string
	// at is FILE:LINE if the value is from the configuration file, otherwise "".
	at string
}

const (
	fromCommandLine = "command line"
	fromServer      = "arguments of the server in this container"
	fromDefault     = "default"
)

// sources holds the sources of all flags that do not have their default value.
type sources map[string]source

// note records the source of each flag that was set since the last call.
func (s sources) note(fs *pflag.FlagSet, of func(flag string) source) {
	fs.VisitAll(func(f *pflag.Flag) {
		if _, known := s[f.Name]; f.Changed && !known {
			s[f.Name] = of(f.Name)
		}
	})
}

func place(text string) func(string) source {
	return func(string) source { return source{place: text} }
}

// locate adds the file and the line to errors about flags that were set in the configuration file.
// Such errors begin with the flag.
func (s sources) locate(err error) error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, each := range joined.Unwrap() {
			all = append(all, s.locate(each))
		}
		return errors.Join(all...)
	}
	rest, ok := strings.CutPrefix(err.Error(), "--")
	if !ok {
		return err
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	if end < 0 {
		end = len(rest)
	}
	if at := s[rest[:end]].at; at != "" {
		return fmt.Errorf("%s: %w", at, err)
	}
	return err
}

// configure sets the flags that are not on the command line. It takes them from the environment,
// then from the configuration file, then from --data-dir and the mode.
func (o *options) configure(cmd *cobra.Command) error {
	flags := cmd.Flags()
	o.sources.note(flags, place(fromCommandLine))
	if err := fromEnvironment(flags); err != nil {
		return err
	}
	o.sources.note(flags, func(flag string) source { return source{place: "environment (" + environmentName(flag) + ")"} })
	if o.configFile != "" {
		if err := o.fromConfigFile(cmd); err != nil {
			return usageError{err}
		}
	}
	if o.dataDir != "" && !flags.Changed("db-path") {
		o.dbPath = filepath.Join(o.dataDir, filepath.Base(o.dbPath))
	}
	o.applyModeDefaults(flags)
	return nil
}

// makeDataDir creates the folder of --data-dir with access for its owner only. It keeps the mode of
// an existing folder, which may be a project's.
func (o *options) makeDataDir() error {
	if o.dataDir == "" {
		return nil
	}
	info, err := os.Stat(o.dataDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = privatefile.MakeFolder(o.dataDir)
	case err == nil && !info.IsDir():
		err = errors.New("it is not a folder: name another one, or move it away")
	case err == nil:
		err = privatefile.CheckFolder(o.dataDir)
	}
	if err != nil {
		return fmt.Errorf("--data-dir=%s: %w", o.dataDir, err)
	}
	return nil
}
