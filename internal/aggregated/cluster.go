package aggregated

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	arkversion "github.com/mckinsey/ark-server/internal/version"
)

// ErrNotInCluster reports that the process runs in no pod, so that a kubeconfig is
// needed to find the cluster.
var ErrNotInCluster = errors.New("not running in a pod")

const (
	// clusterQPS and clusterBurst bound the requests to kube-apiserver: one
	// SubjectAccessReview for every user, verb and object not asked about lately.
	clusterQPS   = 200
	clusterBurst = 400
	// accessQPS and accessBurst bound those about many rows at once, which must not hold up the
	// others.
	accessQPS   = 500
	accessBurst = 1000
	// reviewTimeout bounds one TokenReview or SubjectAccessReview.
	reviewTimeout = 10 * time.Second
	connectPoll   = time.Second
)

// ClusterConfig returns the way to the kube-apiserver: that of the kubeconfig, or
// of the pod's service account where kubeconfig is "".
func ClusterConfig(kubeconfig string) (*rest.Config, error) {
	config, err := loadClusterConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	config.UserAgent = arkversion.UserAgent()
	config.QPS, config.Burst = clusterQPS, clusterBurst
	return config, nil
}

func loadClusterConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, ErrNotInCluster
		}
		if err != nil {
			return nil, fmt.Errorf("read the pod's service account: %w", err)
		}
		return config, nil
	}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig}, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	return config, nil
}

// OwnNamespace returns the namespace of the server in its cluster: that of the kubeconfig, or of
// the pod.
func OwnNamespace(kubeconfig string) (string, error) {
	namespace, _, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig}, &clientcmd.ConfigOverrides{}).Namespace()
	if err != nil {
		return "", fmt.Errorf("find the server's own namespace: %w", err)
	}
	return namespace, nil
}

// oldestCluster is the first Kubernetes whose APIs are those that the server
// expects of a cluster.
var oldestCluster = version.MustParseGeneric("1.30.0")

// connect waits until the kube-apiserver answers. An answer that waiting does not
// change, such as 401, is an error at once.
func connect(ctx context.Context, client kubernetes.Interface, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var last error
	err := wait.PollUntilContextCancel(ctx, connectPoll, true, func(ctx context.Context) (bool, error) {
		info, err := discovery.ToDiscoveryInterfaceWithContext(client.Discovery()).ServerVersionWithContext(ctx)
		if apierrors.IsUnauthorized(err) || apierrors.IsForbidden(err) {
			return false, err
		}
		if err != nil {
			last = err
			return false, nil
		}
		if found, err := version.ParseGeneric(info.GitVersion); err == nil && found.LessThan(oldestCluster) {
			klog.Warningf("The cluster is %s, older than any that this server is made for (v%s)", info.GitVersion, oldestCluster)
		}
		return true, nil
	})
	if err != nil && last != nil && ctx.Err() != nil {
		return fmt.Errorf("no answer from the cluster within %s: %w", timeout, last)
	}
	if err != nil {
		return fmt.Errorf("ask the cluster for its version: %w", err)
	}
	return nil
}
