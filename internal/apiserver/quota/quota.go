package quota

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota/apis/resourcequota/validation"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corev1listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
)

const (
	// workers judge creations, each those of one namespace at a time.
	workers = 5
	// timeout bounds one update of a ResourceQuota.
	timeout = 5 * time.Second
)

// backoff is for creations that were refused because others, such as other replicas and the
// cluster's quota controller, changed the quota at the same time.
var backoff = wait.Backoff{Duration: 20 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 6}

// plugin enforces the cluster's ResourceQuotas that count Ark objects, such as
// count/queries.ark.mckinsey.com. The stock plugin records what a creation uses in the quota's
// status before the object is stored, and the cluster's quota controller counts again what there
// is. Here it is asked about creations in namespaces with a quota only, and its failures are put
// into terms that tell whose fault they are.
type plugin struct {
	*resourcequota.QuotaAdmission
	client kubernetes.Interface
	// always is set if the configuration limits resources without a quota too.
	always    bool
	quotas    corev1listers.ResourceQuotaLister
	hasSynced func() bool
}

var (
	_ admission.ValidationInterface                = &plugin{}
	_ initializer.WantsExternalKubeClientSet       = &plugin{}
	_ initializer.WantsExternalKubeInformerFactory = &plugin{}
)

// Register registers the plugin with clients of its own on a configuration, whose requests are
// bounded: the stock plugin waits for them without end.
func Register(plugins *admission.Plugins, config *rest.Config) error {
	bounded := rest.CopyConfig(config)
	bounded.Timeout = timeout
	client, err := kubernetes.NewForConfig(bounded)
	if err != nil {
		return fmt.Errorf("make the client for the quotas: %w", err)
	}
	plugins.Register(resourcequota.PluginName, func(config io.Reader) (admission.Interface, error) {
		return newPlugin(config, client)
	})
	return nil
}

func newPlugin(config io.Reader, client kubernetes.Interface) (*plugin, error) {
	configuration, err := resourcequota.LoadConfiguration(config)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if errs := validation.ValidateConfiguration(configuration); len(errs) > 0 {
		return nil, fmt.Errorf("check the configuration: %w", errs.ToAggregate())
	}
	stock, err := resourcequota.NewResourceQuota(configuration, workers)
	if err != nil {
		return nil, err
	}
	return &plugin{QuotaAdmission: stock, client: client, always: len(configuration.LimitedResources) > 0}, nil
}

// Configuration gives the stock plugin its evaluators. It counts objects of every resource that has
// none.
type Configuration struct{ Evaluators []quota.Evaluator }

// Initialize implements admission.PluginInitializer.
func (c Configuration) Initialize(plugin admission.Interface) {
	if wants, ok := plugin.(initializer.WantsQuotaConfiguration); ok {
		wants.SetQuotaConfiguration(generic.NewConfiguration(c.Evaluators, nil))
	}
}

// SetExternalKubeClientSet implements initializer.WantsExternalKubeClientSet.
func (a *plugin) SetExternalKubeClientSet(kubernetes.Interface) {
	a.QuotaAdmission.SetExternalKubeClientSet(a.client)
}

// SetExternalKubeInformerFactory implements initializer.WantsExternalKubeInformerFactory.
func (a *plugin) SetExternalKubeInformerFactory(factory informers.SharedInformerFactory) {
	a.QuotaAdmission.SetExternalKubeInformerFactory(factory)
	quotas := factory.Core().V1().ResourceQuotas()
	a.quotas, a.hasSynced = quotas.Lister(), quotas.Informer().HasSynced
}

// Handles implements admission.Interface: only creations change how many objects there are.
func (a *plugin) Handles(operation admission.Operation) bool {
	return operation == admission.Create
}

// Validate implements admission.ValidationInterface.
func (a *plugin) Validate(ctx context.Context, attributes admission.Attributes, o admission.ObjectInterfaces) error {
	if a.hasNone(attributes.GetNamespace()) {
		return nil
	}
	var err error
	waited := wait.ExponentialBackoffWithContext(ctx, backoff, func(ctx context.Context) (bool, error) {
		err = a.QuotaAdmission.Validate(ctx, attributes, o)
		return !isConflict(err), nil
	})
	if waited != nil && err == nil {
		err = waited
	}
	return explain(attributes.GetNamespace(), err)
}

// hasNone reports whether a namespace has no quota for certain: then the stock plugin, which judges
// the creations of a namespace one after another, need not be asked.
func (a *plugin) hasNone(namespace string) bool {
	if namespace == "" {
		return true
	}
	if a.always || !a.hasSynced() {
		return false
	}
	quotas, err := a.quotas.ResourceQuotas(namespace).List(labels.Everything())
	return err == nil && len(quotas) == 0
}

// aboutQuotas reports whether an error is an answer of the cluster about the quota itself, and not
// about the object that is created.
func aboutQuotas(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details != nil && details.Kind == "resourcequotas"
}

func isConflict(err error) bool { return aboutQuotas(err) && apierrors.IsConflict(err) }

// explain makes failures to use the quota the server's: a refusal names the quota and passes.
func explain(namespace string, err error) error {
	switch {
	case err == nil:
		return nil
	case aboutQuotas(err) && apierrors.IsForbidden(err):
		return apierrors.NewInternalError(fmt.Errorf("the quota of namespace %q cannot be used, because ark-server may not write its status: grant it update on resourcequotas/status: %w", namespace, err))
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return err
	}
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusServiceUnavailable, Reason: metav1.StatusReasonServiceUnavailable,
		Details: &metav1.StatusDetails{RetryAfterSeconds: 1},
		Message: fmt.Sprintf("the quota of namespace %q cannot be used at the moment, try again: %v", namespace, err),
	}}
}
