package standalone

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// The controllers run on the holder of one Lease where servers share a database. The longest time
// without a holder is leadFor and two retries with their jitter, one to see the last renewal and
// one to see its end: 12 s, which leaves room for a busy machine within 15.
const (
	leaseName   = "ark-controllers"
	leadFor     = 8 * time.Second
	renewWithin = 6 * time.Second
	retryEvery  = 1500 * time.Millisecond
)

// lead runs something on one server at a time, again and again until the context ends, and returns
// when it has ended. Identity tells the processes apart. The end of the context gives the lease
// back, so that another server need not wait.
func lead(ctx context.Context, client kubernetes.Interface, identity string, run func(context.Context)) error {
	var leading sync.Mutex // one term after the other
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: leaseName},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		},
		ReleaseOnCancel: true,
		Name:            leaseName, LeaseDuration: leadFor, RenewDeadline: renewWithin, RetryPeriod: retryEvery,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				leading.Lock()
				defer leading.Unlock()
				if ctx.Err() == nil {
					run(ctx)
				}
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("set up the lease %s: %w", leaseName, err)
	}
	for ctx.Err() == nil {
		elector.Run(ctx)
		if ctx.Err() == nil {
			klog.FromContext(ctx).Info("The lease of the controllers is lost; another server may run them now", "lease", leaseName)
		}
	}
	leading.Lock()
	defer leading.Unlock()
	return nil
}
