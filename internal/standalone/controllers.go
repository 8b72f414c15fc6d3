package standalone

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/namespace"
)

const (
	namespaceWorkers = 2
	namespaceResync  = informerResync
	renewInterval    = 12 * time.Hour
)

// newNamespaceController returns the controller that deletes what a deleted
// namespace holds, of every kind in discovery, and then lets the namespace go.
// It asks discovery at once, so the server must be serving.
func newNamespaceController(ctx context.Context, config *rest.Config, client kubernetes.Interface, informers informers.SharedInformerFactory) (*namespace.NamespaceController, error) {
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the namespace controller's client: %w", err)
	}
	return namespace.NewNamespaceController(ctx, client, objects,
		client.Discovery().ServerPreferredNamespacedResources,
		informers.Core().V1().Namespaces(), namespaceResync, corev1.FinalizerKubernetes), nil
}

// renewCertificates keeps the serving certificate fresh while the server runs.
func renewCertificates(ctx context.Context, keys *Keys) {
	ticker := time.NewTicker(renewInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := keys.Renew(); err != nil {
				klog.FromContext(ctx).Error(err, "Failed to renew the serving certificate; trying again later")
			}
		}
	}
}
