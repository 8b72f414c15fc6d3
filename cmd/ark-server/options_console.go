package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/server"
)

// consoleOptions say how the web console is served.
type consoleOptions struct {
	state string
	hosts []string
}

const (
	consoleOn  = "on"
	consoleOff = "off"
)

func (o *consoleOptions) add(fs *pflag.FlagSet) {
	fs.StringVar(&o.state, "console", o.state, "`on|off`: serve the web console at /console of the HTTPS port")
	fs.StringSliceVar(&o.hosts, "console-hosts", nil, "further `names` at which browsers reach the console, such as ark.example.com behind a proxy (default localhost, IP addresses, and the names of the serving certificate)")
}

// validateConsole returns every fault of the flags.
func (o *options) validateConsole() error {
	errs := []error{checkValue("console", o.console.state, consoleOn, consoleOff)}
	if o.console.state == consoleOff && len(o.console.hosts) > 0 {
		errs = append(errs, errors.New("--console-hosts is without effect with --console=off: leave it out, or use --console=on"))
	}
	for _, name := range o.console.hosts {
		if name == "" || strings.ContainsAny(name, "/: *") {
			errs = append(errs, fmt.Errorf("--console-hosts=%s: use a DNS name without scheme and port, such as ark.example.com", name))
		}
	}
	return errors.Join(errs...)
}

// consoleServer returns what the flags say.
func (o *options) consoleServer() server.ConsoleOptions {
	return server.ConsoleOptions{Off: o.console.state == consoleOff, Hosts: o.console.hosts, Direct: o.cluster.server.Direct}
}
