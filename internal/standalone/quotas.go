package standalone

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/resourcequota"
)

const (
	quotaWorkers = 5
	// quotaResync is how often everything is counted again, and quotaSync how often discovery is asked
	// for new kinds. An object that is deleted before the controller's cache has the write of the
	// quota that counted it stays counted until then: upstream compares with the cache, and only a
	// change of the spec has a quota counted at once.
	quotaResync = 30 * time.Second
	quotaSync   = 30 * time.Second
	// objectResync is how often the controller is told of every object again.
	objectResync = 12 * time.Hour
)

// oldQuotaNames are the names of counts from before count/<resource>.<group>.
var oldQuotaNames = map[string]corev1.ResourceName{
	"configmaps":     corev1.ResourceConfigMaps,
	"resourcequotas": corev1.ResourceQuotas,
	"secrets":        corev1.ResourceSecrets,
	"services":       corev1.ResourceServices,
}

// quotaEvaluators count the objects that have an old name. Those of every other resource are
// counted by count/<resource>.<group>, for which nobody needs to be told. Of is where the objects
// are read; nil for an evaluator that does not count those that are there.
func quotaEvaluators(of generic.InformerForResourceFunc) []quota.Evaluator {
	var all []quota.Evaluator
	for resource, name := range oldQuotaNames {
		var list generic.ListFuncByNamespace
		if of != nil {
			list = generic.ListResourceUsingListerFunc(generic.ListerFuncForResourceFunc(of), corev1.SchemeGroupVersion.WithResource(resource))
		}
		all = append(all, generic.NewObjectCountEvaluator(schema.GroupResource{Resource: resource}, list, name))
	}
	return all
}

// runQuotas counts what ResourceQuotas limit, from the first quota on: the counts need an informer
// for every kind.
func (c controllers) runQuotas(ctx context.Context, quotas coreinformers.ResourceQuotaInformer) error {
	some := make(chan struct{}, 1)
	handle, err := quotas.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(any) {
		select {
		case some <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		return fmt.Errorf("watch ResourceQuotas: %w", err)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-some:
	}
	if err := quotas.Informer().RemoveEventHandler(handle); err != nil {
		return fmt.Errorf("watch ResourceQuotas: %w", err)
	}

	objects, err := metadata.NewForConfig(c.config)
	if err != nil {
		return fmt.Errorf("make the quota controller's client: %w", err)
	}
	m := newMonitors(c.stored, objects, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	started := make(chan struct{}) // there is nothing to wait for
	close(started)
	discover := c.client.Discovery().ServerPreferredNamespacedResources
	var controller *resourcequota.Controller
	err = wait.PollUntilContextCancel(ctx, discoveryPoll, true, func(ctx context.Context) (bool, error) {
		controller, err = resourcequota.NewController(ctx, &resourcequota.ControllerOptions{
			QuotaClient:               c.client.CoreV1(),
			ResourceQuotaInformer:     quotas,
			ResyncPeriod:              func() time.Duration { return quotaResync },
			Registry:                  generic.NewRegistry(quotaEvaluators(m.ForResource)),
			DiscoveryFunc:             discover,
			IgnoredResourcesFunc:      garbagecollector.DefaultIgnoredResources,
			InformersStarted:          started,
			InformerFactory:           m,
			ReplenishmentResyncPeriod: func() time.Duration { return objectResync },
		})
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("make the quota controller: %w", err)
	}
	synced := make(chan struct{})
	go func() {
		defer close(synced)
		controller.Sync(ctx, discover, quotaSync)
	}()
	controller.Run(ctx, quotaWorkers)
	<-synced
	m.wait()
	return nil
}
