package execution

import (
	"context"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// Probe returns nil if a model answers.
func Probe(ctx context.Context, s Services, from objects.Reader, m *v1alpha1.Model) error {
	r := &Run{Services: s, Query: &v1alpha1.Query{}, Objects: from}
	client, err := r.client(ctx, m)
	if err != nil {
		return err
	}
	if lister, ok := client.(provider.Lister); ok {
		if there, err := lister.Has(ctx); err == nil && there {
			return nil
		}
	}
	_, err = client.Complete(ctx, provider.Request{Messages: []provider.Message{{Role: provider.User, Content: "Hi"}}})
	return err
}
