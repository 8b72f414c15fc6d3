package server

import (
	"context"
	"net"
	"time"

	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"

	"github.com/mckinsey/ark-server/internal/aggregated"
	"github.com/mckinsey/ark-server/internal/apiserver/assembly"
	"github.com/mckinsey/ark-server/internal/metrics"
	"github.com/mckinsey/ark-server/internal/records"
	"github.com/mckinsey/ark-server/internal/standalone"
	"github.com/mckinsey/ark-server/internal/token"
)

// Mode is an operating mode of the server.
type Mode interface {
	// assemble builds the server of the mode on a listener and a storage, and sets its addresses in s.
	assemble(ctx context.Context, o Options, listener net.Listener, data *data, s *Server) (api, error)
}

// api is an assembled API server of either mode.
type api interface {
	// Run serves until the context ends and everything in flight is drained.
	Run(ctx context.Context) error
	// WaitReady returns nil once the server is ready, or the context's error.
	WaitReady(ctx context.Context) error
	// generic returns the underlying API server.
	generic() *genericapiserver.GenericAPIServer
}

// Standalone runs without a cluster. Its fields are those of standalone.Options.
type Standalone struct {
	Names               []string
	KeysDir, Kubeconfig string
	Name                string
	Admission           standalone.Admission
	CertFile, KeyFile   string
	Authentication      standalone.Authentication
	Audit               *genericoptions.AuditOptions
	// PassphraseFile has the passphrase with which the keys are shared through the storage; "" if they
	// are not shared.
	PassphraseFile string
	// EncryptionFile is an EncryptionConfiguration, or "" for the server's own in KeysDir.
	EncryptionFile string
}

type standaloneAPI struct{ *standalone.Server }

func (s standaloneAPI) generic() *genericapiserver.GenericAPIServer { return s.Generic }

func (m Standalone) assemble(ctx context.Context, o Options, listener net.Listener, data *data, s *Server) (api, error) {
	var tokens *token.Store
	if data.side != nil {
		tokens = token.New(data.side, time.Now)
		s.Users = tokens.Users
		if data.history != nil {
			tokens.Keep(tokenJournal{data.kv})
		}
	}
	keys, err := m.shareKeys(ctx, data.kv)
	if err != nil {
		return nil, about(SettingSharedKeys, err)
	}
	secrets, err := m.openEncryption(ctx, data, o.Storage.Shared(), keys)
	if err != nil {
		return nil, err
	}
	group, err := data.records(o, records.AccessKinds()...)
	if err != nil {
		return nil, err
	}
	from := m.consoleFrom()
	pages, err := o.newConsole(from, data)
	if err != nil {
		return nil, err
	}
	made, err := standalone.New(standalone.Options{
		Records: group,
		Grants:  append(append(o.Engine.grants(), chatGrants()...), brokerGrant()),
		Paths:   o.paths(), LongRunning: chatLongRunning, Outer: o.outer(pages),
		Listener:   listener,
		Names:      m.Names,
		KeysDir:    m.KeysDir,
		Kubeconfig: m.Kubeconfig,
		Name:       m.Name,
		Admission:  m.Admission,
		Shared:     o.Storage.Shared(),

		CertFile: m.CertFile, KeyFile: m.KeyFile,
		Tokens: tokens, Authentication: m.Authentication, Audit: m.Audit, Encryption: secrets,
		Tune: func(common *assembly.Options) {
			common.ModelURLs, common.TracingFile, common.Findings = o.ModelURLs, o.TracingFile, data.findings
			common.MaxObjectBytes, common.MaxObjectAdvice = o.Storage.MaxObjectBytes, o.MaxObjectAdvice
			common.Off, common.Executor = o.Off, o.executor()
		},
	}, data)
	if err != nil {
		return nil, about(SettingMode, err)
	}
	s.URL, s.Console = made.URL, pages != nil
	o.serveSession(made.Generic, from)
	serveReporting(made.Generic, made.Access, data, group)
	talk, err := newChat(base{generic: made.Generic, inProcess: made.InProcess, access: made.Access, alone: true}, data, o)
	if err != nil {
		return nil, err
	}
	var server api = standaloneAPI{made}
	if o.Engine != nil {
		x := executes{transport: made.InProcess, options: *o.Engine, urls: o.ModelURLs, shared: o.Storage.Shared(), tracer: made.Tracer}
		if server, err = withEngine(server, x, talk, data.metrics.Engine()); err != nil {
			return nil, err
		}
	}
	return withChat(server, talk, s)
}

// Aggregated runs in a cluster, behind its kube-apiserver.
type Aggregated struct {
	// Kubeconfig is the kubeconfig file of the cluster; "" for a pod's service account.
	Kubeconfig string
	// Server has the settings that are specific to this mode. The listener, the cluster and the values
	// of Options are filled in.
	Server aggregated.Options
}

type aggregatedAPI struct{ *aggregated.Server }

func (s aggregatedAPI) generic() *genericapiserver.GenericAPIServer { return s.Generic }

func (m Aggregated) assemble(ctx context.Context, o Options, listener net.Listener, data *data, s *Server) (api, error) {
	config, err := aggregated.ClusterConfig(m.Kubeconfig)
	if err != nil {
		return nil, about(SettingCluster, err)
	}
	settings := m.Server
	settings.Listener, settings.Cluster, settings.TracingFile = listener, config, o.TracingFile
	settings.MaxObjectBytes, settings.MaxObjectAdvice = o.Storage.MaxObjectBytes, o.MaxObjectAdvice
	settings.Off, settings.Executor = o.Off, o.executor()
	from := m.consoleFrom()
	pages, err := o.newConsole(from, data)
	if err != nil {
		return nil, err
	}
	settings.Parts = aggregated.Parts{Grants: append(o.Engine.grants(), chatGrants()...), Paths: o.paths(), LongRunning: chatLongRunning, Outer: o.outer(pages)}
	settings.ModelURLs, settings.Findings = o.ModelURLs, data.findings
	if settings.Records, err = data.records(o); err != nil {
		return nil, err
	}
	made, err := aggregated.New(ctx, settings, data)
	if err != nil {
		return nil, about(SettingMode, err)
	}
	s.Cluster, s.Console = config.Host, pages != nil
	o.serveSession(made.Generic, from)
	serveReporting(made.Generic, made.Access, data, settings.Records)
	if made.Direct != nil {
		data.metrics.Direct(func() metrics.DirectStats {
			now := made.Direct()
			return metrics.DirectStats{Outcomes: now.Outcomes, Requests: now.Requests, Watches: now.Watches, Silent: now.Silent}
		})
	}
	talk, err := newChat(base{generic: made.Generic, inProcess: made.InProcess, access: made.Access}, data, o)
	if err != nil {
		return nil, err
	}
	var server api = aggregatedAPI{made}
	if o.Engine != nil {
		at := &host{config: config}
		if at.namespace, err = aggregated.OwnNamespace(m.Kubeconfig); err != nil {
			return nil, about(SettingCluster, err)
		}
		x := executes{transport: made.InProcess, options: *o.Engine, urls: o.ModelURLs, shared: o.Storage.Shared(), host: at, tracer: made.Tracer}
		if server, err = withEngine(server, x, talk, data.metrics.Engine()); err != nil {
			return nil, err
		}
	}
	return withChat(server, talk, s)
}
