package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/runas"
)

// becomeUser drops root privileges if the image asks for it. Commands that only read do not change
// the data folder.
func becomeUser(args []string) error {
	reads := len(args) > 0 && slices.Contains([]string{"health", "kubeconfig", "status", "doctor", "config", "version", "--version", "help", "--help", "crds", "completion"}, args[0])
	return runas.Drop(!reads, func(err error) { fmt.Fprintf(os.Stderr, "ark-server: %v\n", err) })
}

// inContainer reports whether the process runs in a container. The image sets this variable, as
// images of Linux distributions and Podman do.
func inContainer() bool { return os.Getenv("container") != "" }

// containerTool returns the command that probably started the container.
func containerTool() string {
	if os.Getenv("container") == "podman" {
		return "podman"
	}
	return "docker"
}

// fromContainer sets the flags that are not on the command line from the arguments of the server in
// the same container. A command that "docker exec" starts has the environment of the container, but
// not the arguments of "docker run".
func fromContainer(fs *pflag.FlagSet) error {
	if !inContainer() {
		return nil
	}
	server := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, g := range newOptions().flagGroups() {
		server.AddFlagSet(g.flags)
	}
	server.ParseErrorsAllowlist.UnknownFlags = true
	if server.Parse(serverArguments("/proc")) != nil {
		return nil // that server has rejected them
	}
	var err error
	server.Visit(func(f *pflag.Flag) {
		if own := fs.Lookup(f.Name); own != nil && !own.Changed && err == nil {
			if err = fs.Set(f.Name, f.Value.String()); err != nil {
				err = fmt.Errorf("--%s=%s of the server in this container: %w", f.Name, f.Value, err)
			}
		}
	})
	return err
}

// serverArguments returns the arguments of the first process that runs the server.
func serverArguments(proc string) []string {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	for _, pid := range pids {
		line, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "cmdline"))
		if err != nil || len(line) == 0 {
			continue
		}
		args := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		if filepath.Base(args[0]) != "ark-server" {
			continue
		}
		if args = args[1:]; len(args) == 0 || args[0] == "serve" || strings.HasPrefix(args[0], "-") {
			return args
		}
	}
	return nil
}
