package standalone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/controller/clusterroleaggregation"
	"k8s.io/kubernetes/pkg/controller/namespace"
	"k8s.io/kubernetes/pkg/controller/serviceaccount"
)

const (
	namespaceWorkers = 2
	namespaceResync  = informerResync
	accountWorkers   = 1
	roleWorkers      = 2
	// renewInterval is short: another server that shares the folder may have replaced the certificate.
	renewInterval = time.Minute
	discoveryPoll = 200 * time.Millisecond
)

// controllers are upstream's, which carry out what the API promises beyond single objects: the end
// of namespaces, cascades of deletions, default service accounts, aggregated roles, the counts of
// quotas, the types of admission policies' expressions.
type controllers struct {
	config *rest.Config
	client kubernetes.Interface
	stored storages
	// identity is what this server is called among those that share its storage; "" for a server that
	// is alone.
	identity string
}

// serverIdentity names this process, by its host and the address that it listens on for people to
// read. Other servers may have the same of both, in containers of one name.
func serverIdentity(listen *net.TCPAddr) string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return host + "_" + listen.String() + "_" + string(uuid.NewUUID())
}

// keep runs all until the context ends, where servers share a storage whenever this one holds the
// lease. The server must be ready.
func (c controllers) keep(ctx context.Context) {
	run := func(ctx context.Context) {
		if err := c.run(ctx); ignoreCanceled(err) != nil {
			klog.FromContext(ctx).Error(err, "The controllers do not run: namespaces stay in deletion, and what deleted owners leave behind stays; restart the server")
		}
	}
	if c.identity == "" {
		run(ctx)
		return
	}
	if err := lead(ctx, c.client, c.identity, run); err != nil {
		klog.FromContext(ctx).Error(err, "The controllers do not run")
	}
}

// run runs all until the context ends, and returns when everything that it has started has ended.
// The server must be ready.
func (c controllers) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	informers := informers.NewSharedInformerFactory(c.client, informerResync)
	namespaces, err := newNamespaceController(ctx, c.config, c.client, informers)
	if err != nil {
		return err
	}
	collector, err := newGarbageCollector(ctx, c.config, c.stored)
	if err != nil {
		return err
	}
	accounts, err := serviceaccount.NewServiceAccountsController(klog.FromContext(ctx), informers.Core().V1().ServiceAccounts(),
		informers.Core().V1().Namespaces(), c.client, serviceaccount.DefaultServiceAccountsControllerOptions())
	if err != nil {
		return fmt.Errorf("make the controller of service accounts: %w", err)
	}
	roles := clusterroleaggregation.NewClusterRoleAggregation(informers.Rbac().V1().ClusterRoles(), c.client.RbacV1())
	policyTypes, err := newPolicyTypes(c.client, informers.Admissionregistration().V1().ValidatingAdmissionPolicies())
	if err != nil {
		return err
	}
	quotas := informers.Core().V1().ResourceQuotas()
	quotas.Informer() // is to be started with the others

	informers.StartWithContext(ctx)
	defer informers.Shutdown()
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { namespaces.Run(ctx, namespaceWorkers) })
	running.Go(func() { collector.run(ctx) })
	running.Go(func() { accounts.Run(ctx, accountWorkers) })
	running.Go(func() { roles.Run(ctx, roleWorkers) })
	running.Go(func() { policyTypes.Run(ctx, policyTypeWorkers) })
	running.Go(func() {
		if err := c.runQuotas(ctx, quotas); err != nil && !errors.Is(err, context.Canceled) {
			klog.FromContext(ctx).Error(err, "What ResourceQuotas count is not counted again until the next start")
		}
	})
	running.Wait()
	return nil
}

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
