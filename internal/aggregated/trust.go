package aggregated

import (
	"context"
	"crypto/x509"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/kubernetes"
)

// kube-apiserver publishes in this ConfigMap whom an aggregated server may
// believe.
const (
	trustNamespace = metav1.NamespaceSystem
	trustConfigMap = "extension-apiserver-authentication"

	clientCAKey = "client-ca-file"
	proxyCAKey  = "requestheader-client-ca-file"
)

// readTrust reads the ConfigMap. One that is not there is empty: whom it would name
// is not believed until it is.
func readTrust(ctx context.Context, client kubernetes.Interface) (map[string]string, error) {
	found, err := client.CoreV1().ConfigMaps(trustNamespace).Get(ctx, trustConfigMap, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return found.Data, nil
}

// firstCA is what an authority's certificates were when the server started. The
// controllers that follow the ConfigMap know none until their informers have
// synced, which is after the first request: a proxy that connects in between would
// be answered 401, and one that was not asked for its certificate keeps that
// connection. So this answers until they do.
type firstCA struct {
	pem    []byte
	verify func() (x509.VerifyOptions, bool)
}

func newFirstCA(pem string) (firstCA, error) {
	if pem == "" {
		return firstCA{verify: func() (x509.VerifyOptions, bool) { return x509.VerifyOptions{}, false }}, nil
	}
	content, err := dynamiccertificates.NewStaticCAContent("first", []byte(pem))
	if err != nil {
		return firstCA{}, fmt.Errorf("parse the certificates: %w", err)
	}
	return firstCA{pem: []byte(pem), verify: content.VerifyOptions}, nil
}

func (f firstCA) content(followed []byte) []byte {
	if len(followed) > 0 {
		return followed
	}
	return f.pem
}

func (f firstCA) options(followed func() (x509.VerifyOptions, bool)) (x509.VerifyOptions, bool) {
	if options, known := followed(); known {
		return options, true
	}
	return f.verify()
}

// clientCA is the authority of the cluster's client certificates.
type clientCA struct {
	*dynamiccertificates.ConfigMapCAController
	first firstCA
}

func newClientCA(client kubernetes.Interface, first string) (*clientCA, error) {
	f, err := newFirstCA(first)
	if err != nil {
		return nil, err
	}
	c, err := dynamiccertificates.NewDynamicCAFromConfigMapController("client-ca", trustNamespace, trustConfigMap, clientCAKey, client)
	if err != nil {
		return nil, err
	}
	return &clientCA{ConfigMapCAController: c, first: f}, nil
}

func (c *clientCA) CurrentCABundleContent() []byte {
	return c.first.content(c.ConfigMapCAController.CurrentCABundleContent())
}

func (c *clientCA) VerifyOptions() (x509.VerifyOptions, bool) {
	return c.first.options(c.ConfigMapCAController.VerifyOptions)
}

// frontProxy is what the ConfigMap says of the front proxy: its authority, its
// names and its headers.
type frontProxy struct {
	*genericoptions.DynamicRequestHeaderController
	first firstCA
}

func (p *frontProxy) CurrentCABundleContent() []byte {
	return p.first.content(p.DynamicRequestHeaderController.CurrentCABundleContent())
}

func (p *frontProxy) VerifyOptions() (x509.VerifyOptions, bool) {
	return p.first.options(p.DynamicRequestHeaderController.VerifyOptions)
}
