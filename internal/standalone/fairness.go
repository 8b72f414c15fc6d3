package standalone

import (
	"context"
	"fmt"
	"runtime"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/util/flowcontrol"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	_ "k8s.io/kubernetes/pkg/apis/flowcontrol/install" // registers the group's versions
	"k8s.io/kubernetes/pkg/registry/flowcontrol/ensurer"
	flowschemastorage "k8s.io/kubernetes/pkg/registry/flowcontrol/flowschema/storage"
	prioritylevelstorage "k8s.io/kubernetes/pkg/registry/flowcontrol/prioritylevelconfiguration/storage"
)

// Seats bound how many requests are served at a time; those of users queue for them. A queue is
// fair only if there is one: with more seats than the processors and the storage can use, requests
// wait in the run queue instead, where the client that sends most gets most. Fewer would keep a
// commit from
// being shared by many writers. BenchmarkFairness and the decision on fairness have the
// measurements.
const (
	seatsPerProcessor = 16
	leastSeats        = 32
)

func seats() int { return max(leastSeats, seatsPerProcessor*runtime.GOMAXPROCS(0)) }

// The objects that say whose requests queue where. The mandatory ones let system:masters, and so
// the server itself, pass without a queue; the others are those of kube-apiserver's set that mean
// something without a cluster: probes pass, and every user has queues of their own.
var (
	mandatoryLevels  = bootstrap.MandatoryPriorityLevelConfigurations
	mandatorySchemas = bootstrap.MandatoryFlowSchemas
	suggestedLevels  = []*flowcontrolv1.PriorityLevelConfiguration{bootstrap.SuggestedPriorityLevelConfigurationGlobalDefault}
	suggestedSchemas = []*flowcontrolv1.FlowSchema{bootstrap.SuggestedFlowSchemaProbes, bootstrap.SuggestedFlowSchemaGlobalDefault}
)

// applyFairness replaces the bounds on all requests in flight by Priority and Fairness (KEP-1040):
// nobody does that before a standalone server.
func applyFairness(config *genericapiserver.Config, client kubernetes.Interface, informers informers.SharedInformerFactory, seats int) {
	config.FlowControl = flowcontrol.New(informers, client.FlowcontrolV1(), seats)
}

// fairnessStorage is the storage of the group flowcontrol.apiserver.k8s.io, by paths.
func fairnessStorage(options generic.RESTOptionsGetter) (map[string]rest.Storage, error) {
	schemas, schemaStatus, err := flowschemastorage.NewREST(options)
	if err != nil {
		return nil, fmt.Errorf("set up the storage of flow schemas: %w", err)
	}
	levels, levelStatus, err := prioritylevelstorage.NewREST(options)
	if err != nil {
		return nil, fmt.Errorf("set up the storage of priority levels: %w", err)
	}
	return map[string]rest.Storage{
		"flowschemas":                        schemas,
		"flowschemas/status":                 schemaStatus,
		"prioritylevelconfigurations":        levels,
		"prioritylevelconfigurations/status": levelStatus,
	}, nil
}

// fairnessCheck is how often the objects are looked after: one that was deleted comes back.
const (
	fairnessCheck = time.Minute
	fairnessRetry = time.Second
)

// keepFairness makes the objects that are missing, and returns once they are there; then it looks
// after them until the context ends. Objects that a user has changed stay as they are, except
// the mandatory ones.
func (s *Server) keepFairness(ctx context.Context, client kubernetes.Interface, informers informers.SharedInformerFactory) error {
	flows := informers.Flowcontrol().V1()
	if !cache.WaitForCacheSync(ctx.Done(), flows.FlowSchemas().Informer().HasSynced, flows.PriorityLevelConfigurations().Informer().HasSynced) {
		return ctx.Err()
	}
	levels := ensurer.NewPriorityLevelConfigurationOps(client.FlowcontrolV1().PriorityLevelConfigurations(), flows.PriorityLevelConfigurations().Lister())
	schemas := ensurer.NewFlowSchemaOps(client.FlowcontrolV1().FlowSchemas(), flows.FlowSchemas().Lister())
	ensure := func(ctx context.Context) error {
		// A schema refers to a level, which comes first.
		if err := ensurer.EnsureConfigurations(ctx, levels, suggestedLevels, ensurer.NewSuggestedEnsureStrategy[*flowcontrolv1.PriorityLevelConfiguration]()); err != nil {
			return err
		}
		if err := ensurer.EnsureConfigurations(ctx, schemas, suggestedSchemas, ensurer.NewSuggestedEnsureStrategy[*flowcontrolv1.FlowSchema]()); err != nil {
			return err
		}
		if err := ensurer.EnsureConfigurations(ctx, levels, mandatoryLevels, ensurer.NewMandatoryEnsureStrategy[*flowcontrolv1.PriorityLevelConfiguration]()); err != nil {
			return err
		}
		return ensurer.EnsureConfigurations(ctx, schemas, mandatorySchemas, ensurer.NewMandatoryEnsureStrategy[*flowcontrolv1.FlowSchema]())
	}
	err := wait.PollUntilContextCancel(ctx, fairnessRetry, true, func(ctx context.Context) (bool, error) {
		if err := ensure(ctx); err != nil {
			klog.FromContext(ctx).Error(err, "Failed to make the flow schemas and priority levels; trying again")
			return false, nil
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	s.background.Go(func() {
		wait.UntilWithContext(ctx, func(ctx context.Context) {
			if err := ensure(ctx); err != nil && ctx.Err() == nil {
				klog.FromContext(ctx).Error(err, "Failed to look after the flow schemas and priority levels; trying again later")
			}
		}, fairnessCheck)
	})
	return nil
}
