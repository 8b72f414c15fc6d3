package standalone

import (
	"context"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/kubernetes"
	"k8s.io/kubernetes/pkg/serviceaccount"
)

// tokenObjects finds what a service account's token is bound to, by the server's own client: a
// token ends with its account or its object.
type tokenObjects struct{ client kubernetes.Interface }

var _ serviceaccount.ServiceAccountTokenGetter = tokenObjects{}

// GetServiceAccount implements serviceaccount.ServiceAccountTokenGetter.
func (o tokenObjects) GetServiceAccount(ctx context.Context, namespace, name string) (*corev1.ServiceAccount, error) {
	return cachedOrLive(ctx, name, o.client.CoreV1().ServiceAccounts(namespace).Get)
}

// GetSecret implements serviceaccount.ServiceAccountTokenGetter.
func (o tokenObjects) GetSecret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	return cachedOrLive(ctx, name, o.client.CoreV1().Secrets(namespace).Get)
}

// GetValidatingWebhookConfiguration implements serviceaccount.ServiceAccountTokenGetter.
func (o tokenObjects) GetValidatingWebhookConfiguration(ctx context.Context, name string) (*admissionregistrationv1.ValidatingWebhookConfiguration, error) {
	return cachedOrLive(ctx, name, o.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get)
}

// GetMutatingWebhookConfiguration implements serviceaccount.ServiceAccountTokenGetter.
func (o tokenObjects) GetMutatingWebhookConfiguration(ctx context.Context, name string) (*admissionregistrationv1.MutatingWebhookConfiguration, error) {
	return cachedOrLive(ctx, name, o.client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get)
}

// GetPod implements serviceaccount.ServiceAccountTokenGetter.
func (tokenObjects) GetPod(_ context.Context, _, name string) (*corev1.Pod, error) {
	return nil, apierrors.NewNotFound(corev1.Resource("pods"), name)
}

// GetNode implements serviceaccount.ServiceAccountTokenGetter.
func (tokenObjects) GetNode(_ context.Context, name string) (*corev1.Node, error) {
	return nil, apierrors.NewNotFound(corev1.Resource("nodes"), name)
}

// cachedOrLive reads an object from the watch cache, and from the storage where that does not have
// it: it may have been made a moment ago.
func cachedOrLive[T any](ctx context.Context, name string, get func(context.Context, string, metav1.GetOptions) (T, error)) (T, error) {
	object, err := get(ctx, name, metav1.GetOptions{ResourceVersion: "0"})
	if apierrors.IsNotFound(err) {
		object, err = get(ctx, name, metav1.GetOptions{})
	}
	return object, err
}

// noObjects is the storage of a resource that is not served: it has none.
type noObjects schema.GroupResource

var _ rest.Getter = noObjects{}

// Get implements rest.Getter.
func (n noObjects) Get(_ context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	return nil, apierrors.NewNotFound(schema.GroupResource(n), name)
}
