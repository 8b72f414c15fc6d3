package standalone

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
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
	discoveryPoll    = 200 * time.Millisecond
)

// newNamespaceController returns the controller that deletes what a deleted
// namespace holds, of every kind in discovery, and then lets the namespace go.
// It asks discovery at once, so the server must be serving.
func newNamespaceController(ctx context.Context, config *rest.Config, client kubernetes.Interface, informers informers.SharedInformerFactory) (*namespace.NamespaceController, error) {
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the namespace controller's client: %w", err)
	}
	discover := discovery.ToDiscoveryInterfaceWithContext(client.Discovery()).ServerPreferredNamespacedResourcesWithContext
	// The controller asks while it is made, and ends the process without an answer.
	var first []*metav1.APIResourceList
	err = wait.PollUntilContextCancel(ctx, discoveryPoll, true, func(ctx context.Context) (bool, error) {
		first, err = discover(ctx)
		return err == nil && len(first) > 0, nil
	})
	if err != nil {
		return nil, fmt.Errorf("ask which kinds there are: %w", err)
	}
	resources := func() ([]*metav1.APIResourceList, error) {
		if found := first; found != nil {
			first = nil
			return found, nil
		}
		return discover(ctx)
	}
	return namespace.NewNamespaceController(ctx, client, objects, resources,
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
