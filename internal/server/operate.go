package server

import (
	"os"
	"time"

	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	tracingapi "k8s.io/component-base/tracing/api/v1"

	"github.com/mckinsey/ark-server/internal/connections"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/metrics"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/operation"
	"github.com/mckinsey/ark-server/internal/tracing"
	"github.com/mckinsey/ark-server/internal/version"
)

// operate adds the diagnostic endpoints and metrics to a server.
func operate(server *genericapiserver.GenericAPIServer, listener *connections.Listener, data *data, o Options) {
	data.metrics.Connections(listener.Stats)
	data.metrics.ServingCertificate(server.SecureServingInfo.Cert.CurrentCertKeyContent)
	data.metrics.API(func() metrics.Findings {
		found := metrics.Findings{UnknownFields: map[[2]string]int64{}, Undecodable: data.findings.Undecodable(), Panics: data.findings.Panics(), Shed: data.findings.Shed()}
		for field, n := range data.findings.UnknownFields() {
			found.UnknownFields[[2]string{field.Resource, field.Path}] = n
		}
		return found
	})
	operation.Install(server, operation.Options{
		Metrics: data.metrics.Handler, Report: data.report, NoReport: o.NoReport,
		Verbosity: o.Verbosity, SetVerbosity: o.SetVerbosity,
	})
}

func newMetrics(kind Kind) *metrics.Metrics {
	return metrics.New(metrics.Build{Version: version.Ark(), Kubernetes: version.Kubernetes(), Storage: string(kind)})
}

// newTracer returns the tracer for spans below the API server, or nil without tracing.
func newTracer(file string) mvcc.Tracer {
	if file == "" {
		return nil
	}
	return tracing.Tracer{}
}

// reporter returns a function that describes a storage.
func reporter(summary string, store *mvcc.Store, endpoint *etcdserver.Server) func() operation.Report {
	build := operation.Build{Version: version.Ark(), Kubernetes: version.Kubernetes(), Commit: version.Commit(), Started: time.Now(), PID: os.Getpid()}
	return func() operation.Report { return operation.NewReport(build, summary, store, endpoint) }
}

// checkTracing reads the file, so that errors in it are reported at the start.
func checkTracing(file string) error {
	if file == "" {
		return nil
	}
	config, err := genericoptions.ReadTracingConfiguration(file)
	if err == nil {
		err = tracingapi.ValidateTracingConfiguration(config, utilfeature.DefaultFeatureGate, nil).ToAggregate()
	}
	return err
}
