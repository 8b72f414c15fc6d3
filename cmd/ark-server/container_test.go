package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestServerArguments(t *testing.T) {
	for name, c := range map[string]struct {
		processes map[string]string
		want      []string
	}{
		"the server alone":  {map[string]string{"1": "/usr/local/bin/ark-server\x00--secure-port=7443\x00"}, []string{"--secure-port=7443"}},
		"without arguments": {map[string]string{"1": "ark-server\x00"}, nil},
		"under an init":     {map[string]string{"1": "/sbin/docker-init\x00--\x00ark-server\x00", "7": "ark-server\x00serve\x00--db-path=x\x00"}, []string{"serve", "--db-path=x"}},
		"beside other commands": {map[string]string{"3": "ark-server\x00health\x00", "20": "ark-server\x00--db-path=x\x00", "100": "ark-server\x00--db-path=y\x00"},
			[]string{"--db-path=x"}},
		"none": {map[string]string{"1": "sh\x00", "self": "ark-server\x00--x\x00"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			proc := t.TempDir()
			for pid, line := range c.processes {
				if err := os.Mkdir(filepath.Join(proc, pid), 0o700); err != nil {
					t.Fatal(err)
				}
				manifest(t, filepath.Join(proc, pid), "cmdline", line)
			}
			if got := serverArguments(proc); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if serverArguments(filepath.Join(t.TempDir(), "none")) != nil {
		t.Error("arguments from nowhere")
	}
}

// TestOutsideContainers checks that a command outside a container does not read the arguments of
// other servers.
func TestOutsideContainers(t *testing.T) {
	t.Setenv("container", "")
	o := newOptions()
	cmd := withFlags(&cobra.Command{}, o.locationFlags())
	if err := o.locate(cmd); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"secure-port", "db-path", "keys-dir"} {
		if f := cmd.Flags().Lookup(name); f == nil || f.Changed && !strings.HasPrefix(os.Getenv(environmentName(name)), f.Value.String()) {
			t.Errorf("--%s was set", name)
		}
	}
}
