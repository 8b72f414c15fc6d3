package standalone

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/component-helpers/auth/rbac/reconciliation"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

const (
	defaultRolesRetry = 200 * time.Millisecond
	// defaultRolesAtOnce are made side by side, so that their writes share commits: there are about
	// 150.
	defaultRolesAtOnce = 32
)

// ensureDefaultRoles makes upstream's default roles and bindings, and Ark's. What somebody has
// added to them stays, what somebody has taken away comes back, unless the object says that it
// wants neither (rbac.authorization.kubernetes.io/autoupdate). It returns once they are there, or
// the context ends.
//
// Upstream's own hook does the same after a second of waiting, one object after the other, and asks
// for each; this one reads what the informers have.
func ensureDefaultRoles(ctx context.Context, client kubernetes.Interface, informers informers.SharedInformerFactory) error {
	known := informers.Rbac().V1()
	if !cache.WaitForCacheSync(ctx.Done(), known.Roles().Informer().HasSynced, known.RoleBindings().Informer().HasSynced,
		known.ClusterRoles().Informer().HasSynced, known.ClusterRoleBindings().Informer().HasSynced) {
		return ctx.Err()
	}
	defaults := defaultRoles(client, informers)
	return wait.PollUntilContextCancel(ctx, defaultRolesRetry, true, func(ctx context.Context) (bool, error) {
		var making errgroup.Group
		making.SetLimit(defaultRolesAtOnce)
		for _, ensure := range defaults {
			making.Go(ensure)
		}
		if err := making.Wait(); err != nil {
			klog.FromContext(ctx).V(1).Info("Not all default roles and bindings are there yet", "err", err)
			return false, nil
		}
		return true, nil
	})
}

// defaultRoles returns what makes each of the objects.
func defaultRoles(client kubernetes.Interface, informers informers.SharedInformerFactory) []func() error {
	known, api := informers.Rbac().V1(), client.RbacV1()
	var all []func() error
	role := func(want reconciliation.RuleOwner, in reconciliation.RuleOwnerModifier) {
		all = append(all, func() error {
			reconcile := reconciliation.ReconcileRoleOptions{Role: want, Client: in, Confirm: true}
			if _, err := reconcile.Run(); err != nil {
				return fmt.Errorf("make the role %s: %w", want.GetName(), err)
			}
			return nil
		})
	}
	binding := func(want reconciliation.RoleBinding, in reconciliation.RoleBindingModifier) {
		all = append(all, func() error {
			reconcile := reconciliation.ReconcileRoleBindingOptions{RoleBinding: want, Client: in, Confirm: true}
			if _, err := reconcile.Run(); err != nil {
				return fmt.Errorf("make the role binding %s: %w", want.GetName(), err)
			}
			return nil
		})
	}
	inCluster := knownClusterRoles{reconciliation.ClusterRoleModifier{Client: api.ClusterRoles()}, known.ClusterRoles().Lister()}
	for _, want := range slices.Concat(bootstrappolicy.ClusterRoles(), bootstrappolicy.ControllerRoles(), arkRoles()) {
		role(reconciliation.ClusterRoleRuleOwner{ClusterRole: &want}, inCluster)
	}
	boundInCluster := knownClusterBindings{reconciliation.ClusterRoleBindingClientAdapter{Client: api.ClusterRoleBindings()}, known.ClusterRoleBindings().Lister()}
	for _, want := range slices.Concat(bootstrappolicy.ClusterRoleBindings(), bootstrappolicy.ControllerRoleBindings()) {
		binding(reconciliation.ClusterRoleBindingAdapter{ClusterRoleBinding: &want}, boundInCluster)
	}
	inNamespace := knownRoles{reconciliation.RoleModifier{Client: api, NamespaceClient: client.CoreV1().Namespaces()}, known.Roles().Lister()}
	for _, roles := range bootstrappolicy.NamespaceRoles() {
		for _, want := range roles {
			role(reconciliation.RoleRuleOwner{Role: &want}, inNamespace)
		}
	}
	boundInNamespace := knownBindings{reconciliation.RoleBindingClientAdapter{Client: api, NamespaceClient: client.CoreV1().Namespaces()}, known.RoleBindings().Lister()}
	for _, bindings := range bootstrappolicy.NamespaceRoleBindings() {
		for _, want := range bindings {
			binding(reconciliation.RoleBindingAdapter{RoleBinding: &want}, boundInNamespace)
		}
	}
	return all
}

// What follows are upstream's clients of the reconciliation, reading from listers.

type knownClusterRoles struct {
	reconciliation.ClusterRoleModifier
	lister rbaclisters.ClusterRoleLister
}

func (k knownClusterRoles) Get(_, name string) (reconciliation.RuleOwner, error) {
	found, err := k.lister.Get(name)
	if err != nil {
		return nil, err
	}
	return reconciliation.ClusterRoleRuleOwner{ClusterRole: found.DeepCopy()}, nil
}

type knownRoles struct {
	reconciliation.RoleModifier
	lister rbaclisters.RoleLister
}

func (k knownRoles) Get(namespace, name string) (reconciliation.RuleOwner, error) {
	found, err := k.lister.Roles(namespace).Get(name)
	if err != nil {
		return nil, err
	}
	return reconciliation.RoleRuleOwner{Role: found.DeepCopy()}, nil
}

type knownClusterBindings struct {
	reconciliation.ClusterRoleBindingClientAdapter
	lister rbaclisters.ClusterRoleBindingLister
}

func (k knownClusterBindings) Get(_, name string) (reconciliation.RoleBinding, error) {
	found, err := k.lister.Get(name)
	if err != nil {
		return nil, err
	}
	return reconciliation.ClusterRoleBindingAdapter{ClusterRoleBinding: found.DeepCopy()}, nil
}

type knownBindings struct {
	reconciliation.RoleBindingClientAdapter
	lister rbaclisters.RoleBindingLister
}

func (k knownBindings) Get(namespace, name string) (reconciliation.RoleBinding, error) {
	found, err := k.lister.RoleBindings(namespace).Get(name)
	if err != nil {
		return nil, err
	}
	return reconciliation.RoleBindingAdapter{RoleBinding: found.DeepCopy()}, nil
}

var (
	_ reconciliation.RuleOwnerModifier   = knownClusterRoles{}
	_ reconciliation.RuleOwnerModifier   = knownRoles{}
	_ reconciliation.RoleBindingModifier = knownClusterBindings{}
	_ reconciliation.RoleBindingModifier = knownBindings{}
)
