package encryption

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/apiserver/pkg/server/options/encryptionconfig"
	"k8s.io/apiserver/pkg/storage/value"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apiserver/layout"
)

var secrets = schema.GroupResource{Resource: "secrets"}

// Provider encrypts and decrypts values as a file says. It is safe for concurrent use.
type Provider struct {
	// Shared says that other servers use the storage, and must have the same keys.
	Shared bool
	// Refresh, if not nil, is called by Follow before it looks at the file, and may change it.
	Refresh func(context.Context) error

	file string
	kv   clientv3.KV

	transformers *encryptionconfig.DynamicTransformers
	// loaded is what Follow compares the file with.
	loaded loaded
}

// loaded is a file that was read.
type loaded struct {
	*encryptionconfig.EncryptionConfiguration
	// resources are those that it names.
	resources []schema.GroupResource
	stop      context.CancelFunc // ends what it runs, such as connections to a KMS
}

// Open reads the file for the values in a storage. What it starts, such as connections to a KMS,
// ends with the context.
func Open(ctx context.Context, file string, kv clientv3.KV) (*Provider, error) {
	config, err := load(ctx, file)
	if err != nil {
		return nil, err
	}
	return &Provider{
		file: file, kv: kv, loaded: config,
		transformers: encryptionconfig.NewDynamicTransformers(config.Transformers, config.HealthChecks[0], config.stop, config.KMSCloseGracePeriod),
	}, nil
}

func load(ctx context.Context, file string) (_ loaded, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer func() {
		if err != nil {
			stop()
		}
	}()
	config, err := encryptionconfig.LoadEncryptionConfig(ctx, file, true, "ark-server")
	if err != nil {
		return loaded{}, err
	}
	all := loaded{EncryptionConfiguration: config, stop: stop}
	for resource := range config.Transformers {
		switch {
		case resource.Group == ark.GroupName:
			return loaded{}, fmt.Errorf("it names %s: Ark's kinds are not encrypted, for views and history to read them: leave them out, and use an encrypted disk", resource)
		case strings.Contains(resource.Group+resource.Resource, "*"):
			return loaded{}, fmt.Errorf("it names %s: name each resource, such as secrets and configmaps", resource)
		}
		all.resources = append(all.resources, resource)
	}
	slices.SortFunc(all.resources, func(a, b schema.GroupResource) int { return strings.Compare(a.String(), b.String()) })
	return all, nil
}

// TransformerForResource implements value.ResourceTransformers.
func (p *Provider) TransformerForResource(resource schema.GroupResource) value.Transformer {
	return p.transformers.TransformerForResource(resource)
}

var (
	_ value.ResourceTransformers = &Provider{}
	_ healthz.HealthChecker      = &Provider{}
)

// Name and Check implement healthz.HealthChecker: whether every KMS answers.
func (p *Provider) Name() string                { return p.transformers.Name() }
func (p *Provider) Check(r *http.Request) error { return p.transformers.Check(r) }

// prefix is that of the keys of a resource.
func prefix(resource schema.GroupResource) string {
	place := resource.Resource
	switch resource.String() { // as in every stock storage
	case "services":
		place = "services/specs"
	case "endpoints":
		place = "services/endpoints"
	}
	return layout.KeyPrefix + "/" + place + "/"
}
