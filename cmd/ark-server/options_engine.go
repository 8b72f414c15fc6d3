package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/engine"
	"github.com/mckinsey/ark-server/internal/server"
)

const (
	engineEmbedded = "embedded"
	engineExternal = "external"
)

// engineOptions select the engine that executes queries, and its settings.
type engineOptions struct {
	engine string
	// user is the user of engines in separate processes.
	user      string
	limits    engine.Limits
	addresses []string
	// modelFromEnv creates the Model default from the settings in the environment.
	modelFromEnv bool

	allowed []netip.Prefix // the addresses, as validateEngine has parsed them
}

func newEngineOptions() engineOptions {
	return engineOptions{engine: engineEmbedded, limits: engine.Limits{Total: 32}}
}

func (o *engineOptions) add(fs *pflag.FlagSet) {
	fs.StringVar(&o.engine, "engine", o.engine, "who executes queries: `embedded|external`: this server, or Ark's controller; in a cluster, with --mode=aggregated, the default is external")
	fs.StringVar(&o.user, "engine-user", "", "`name` of the user of engines in processes of their own (ark-server engine), who may claim queries, such as system:serviceaccount:ark-system:ark-engine; with --engine=external")
	o.addLimits(fs)
	fs.BoolVar(&o.modelFromEnv, "model-from-env", false, "make the Model default in the namespace default, if there is none, of OPENAI_API_KEY (with OPENAI_BASE_URL and OPENAI_MODEL), ANTHROPIC_API_KEY or OLLAMA_HOST; the key becomes a Secret")
	o.addAddresses(fs)
}

// addLimits adds the flags that limit concurrent executions.
func (o *engineOptions) addLimits(fs *pflag.FlagSet) {
	fs.IntVar(&o.limits.Total, "engine-concurrency", o.limits.Total, "most `queries` that the engine executes at a time; the others wait; 0 for no bound")
	fs.IntVar(&o.limits.PerNamespace, "engine-concurrency-per-namespace", 0, "most `queries` of one namespace that it executes at a time; 0 for no bound")
	fs.IntVar(&o.limits.PerModel, "engine-concurrency-per-model", 0, "most `calls` of one Model at a time; 0 for no bound")
}

// addAddresses adds the flag for the addresses of models and tools.
func (o *engineOptions) addAddresses(fs *pflag.FlagSet) {
	fs.StringSliceVar(&o.addresses, "engine-allowed-addresses", nil, "`CIDRs` at which models and tools may be although they are refused otherwise: link-local addresses always are, loopback for tools, and for models too unless this server itself listens on loopback alone")
}

// validateEngine returns every fault of the engine flags, and parses the addresses.
func (o *options) validateEngine() error {
	e := &o.engine
	errs := []error{checkValue("engine", e.engine, engineEmbedded, engineExternal)}
	for flag, value := range map[string]int{
		"engine-concurrency": e.limits.Total, "engine-concurrency-per-namespace": e.limits.PerNamespace, "engine-concurrency-per-model": e.limits.PerModel,
	} {
		if value < 0 {
			errs = append(errs, fmt.Errorf("--%s=%d: use a number such as 32, or 0 for no bound", flag, value))
		}
	}
	e.allowed = nil
	for _, text := range e.addresses {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--engine-allowed-addresses=%s: not a range of addresses: use CIDRs such as 127.0.0.1/32", text))
			continue
		}
		e.allowed = append(e.allowed, prefix)
	}
	if e.engine != engineEmbedded && len(e.addresses) > 0 {
		errs = append(errs, errors.New("--engine-allowed-addresses is without effect: add --engine=embedded, or leave it out"))
	}
	if e.engine == engineEmbedded && e.user != "" {
		errs = append(errs, fmt.Errorf("--engine-user=%s is without effect: add --engine=external, or leave it out", e.user))
	}
	if e.modelFromEnv && o.mode == modeAggregated {
		errs = append(errs, errors.New("--model-from-env is for a standalone server: leave it out"))
	}
	return errors.Join(errs...)
}

// embeddedEngine returns the options of the engine in this process, or nil if there is none.
func (o *options) embeddedEngine() *server.EngineOptions {
	if o.engine.engine != engineEmbedded {
		return nil
	}
	return &server.EngineOptions{
		Limits: o.engine.limits, Allowed: o.engine.allowed,
		LoopbackModels: net.ParseIP(o.bindAddress).IsLoopback(),
	}
}
