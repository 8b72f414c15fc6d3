package assembly

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/component-base/tracing"

	"github.com/mckinsey/ark-server/internal/version"
)

// applyTracing makes the server send spans to the endpoint of a TracingConfiguration. The stock
// options would call the service "apiserver", as kube-apiserver does itself.
func applyTracing(file string, config *genericapiserver.Config) error {
	read, err := genericoptions.ReadTracingConfiguration(file)
	if err != nil {
		return err
	}
	provider, err := tracing.NewProvider(context.Background(), read, nil, []resource.Option{resource.WithAttributes(
		attribute.String("service.name", "ark-server"),
		attribute.String("service.version", version.Ark()),
		attribute.String("service.instance.id", config.APIServerID),
	)})
	if err != nil {
		return fmt.Errorf("set up the exporter: %w", err)
	}
	config.TracerProvider = provider
	config.LoopbackClientConfig.Wrap(tracing.WrapperFor(provider))
	return nil
}
