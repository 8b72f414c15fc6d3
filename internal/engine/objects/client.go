package objects

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

// Reader reads objects.
type Reader interface {
	// Get reads an object of an Ark kind by the plural name of the kind.
	Get(ctx context.Context, resource, namespace, name string, into Object) error
	// List reads a list of objects of an Ark kind that match a label selector, in the API's order.
	List(ctx context.Context, resource, namespace, selector string, into runtime.Object) error
	// Secret, ConfigMap and Service read objects of these kinds.
	Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error)
	ConfigMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error)
	Service(ctx context.Context, namespace, name string) (*corev1.Service, error)
}

// Object is an object of the API.
type Object interface {
	runtime.Object
	metav1.Object
}

// Client is a Reader that can also write. It is safe for concurrent use.
type Client struct {
	config *rest.Config
	// host is the configuration for Kubernetes' own kinds.
	host   *rest.Config
	ark    map[schema.GroupVersion]*rest.RESTClient
	codecs *codecs
	// Core is a client of Kubernetes' own kinds.
	Core kubernetes.Interface
}

var _ Reader = &Client{}

// New returns a client that makes requests with a configuration.
func New(config *rest.Config) (*Client, error) { return NewHosted(config, config) }

// NewHosted returns a client of Ark's kinds on one server and of Kubernetes' own kinds on another,
// its host.
func NewHosted(config, host *rest.Config) (*Client, error) {
	codecs, err := newCodecs()
	if err != nil {
		return nil, err
	}
	return newHosted(config, host, codecs)
}

func newHosted(config, host *rest.Config, codecs *codecs) (_ *Client, err error) {
	c := &Client{config: config, host: host, ark: map[schema.GroupVersion]*rest.RESTClient{}, codecs: codecs}
	for _, version := range []schema.GroupVersion{v1alpha1.SchemeGroupVersion, v1prealpha1.SchemeGroupVersion} {
		of := rest.CopyConfig(config)
		of.APIPath, of.GroupVersion, of.NegotiatedSerializer = "/apis", &version, codecs
		of.ContentType = runtime.ContentTypeJSON
		if c.ark[version], err = rest.RESTClientFor(of); err != nil {
			return nil, fmt.Errorf("make a client of %s: %w", version, err)
		}
	}
	if c.Core, err = kubernetes.NewForConfig(host); err != nil {
		return nil, fmt.Errorf("make a client of the core kinds: %w", err)
	}
	return c, nil
}

// As returns a client that makes all requests as a service account.
func (c *Client) As(namespace, serviceAccount string) (*Client, error) {
	who := rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":" + serviceAccount}
	config, host := rest.CopyConfig(c.config), rest.CopyConfig(c.host)
	config.Impersonate, host.Impersonate = who, who
	return newHosted(config, host, c.codecs)
}

// Ark returns the client of one version of Ark's API group.
func (c *Client) Ark(version schema.GroupVersion) *rest.RESTClient { return c.ark[version] }

// VersionOf returns the version of Ark's group that has a kind.
func VersionOf(resource string) schema.GroupVersion {
	if prealpha[resource] {
		return v1prealpha1.SchemeGroupVersion
	}
	return v1alpha1.SchemeGroupVersion
}

// prealpha has the plural names of v1prealpha1's kinds.
var prealpha = func() map[string]bool {
	plurals := map[string]bool{}
	for _, kind := range v1prealpha1.Kinds() {
		plurals[kind.Plural] = true
	}
	return plurals
}()

// Get implements Reader.
func (c *Client) Get(ctx context.Context, resource, namespace, name string, into Object) error {
	return c.ark[VersionOf(resource)].Get().Namespace(namespace).Resource(resource).Name(name).Do(ctx).Into(into)
}

// List implements Reader.
func (c *Client) List(ctx context.Context, resource, namespace, selector string, into runtime.Object) error {
	return c.ark[VersionOf(resource)].Get().Namespace(namespace).Resource(resource).
		VersionedParams(&metav1.ListOptions{LabelSelector: selector}, metav1.ParameterCodec).Do(ctx).Into(into)
}

// Update writes an object except its status, and sets the object to what was stored.
func (c *Client) Update(ctx context.Context, resource string, object Object) error {
	return c.put(ctx, resource, "", object)
}

// UpdateStatus writes the status of an object, and sets the object to what was stored.
func (c *Client) UpdateStatus(ctx context.Context, resource string, object Object) error {
	return c.put(ctx, resource, "status", object)
}

func (c *Client) put(ctx context.Context, resource, subresource string, object Object) error {
	request := c.ark[VersionOf(resource)].Put().Namespace(object.GetNamespace()).Resource(resource).Name(object.GetName())
	if subresource != "" {
		request = request.SubResource(subresource)
	}
	return request.Body(object).Do(ctx).Into(object)
}

// Create creates an object, and sets it to what was stored.
func (c *Client) Create(ctx context.Context, resource string, object Object) error {
	return c.ark[VersionOf(resource)].Post().Namespace(object.GetNamespace()).Resource(resource).Body(object).Do(ctx).Into(object)
}

// Delete deletes an object if it still has the given resourceVersion.
func (c *Client) Delete(ctx context.Context, resource string, object Object) error {
	uid, version := object.GetUID(), object.GetResourceVersion()
	return c.ark[VersionOf(resource)].Delete().Namespace(object.GetNamespace()).Resource(resource).Name(object.GetName()).
		Body(&metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version}}).Do(ctx).Error()
}

// Secret implements Reader.
func (c *Client) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	return c.Core.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
}

// ConfigMap implements Reader.
func (c *Client) ConfigMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error) {
	return c.Core.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
}

// Service implements Reader.
func (c *Client) Service(ctx context.Context, namespace, name string) (*corev1.Service, error) {
	return c.Core.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
}
