package component

import (
	"fmt"
	"net"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
)

// unversioned returns what a client needs that sends and receives only prepared bytes. It can
// decode the errors of a server.
func unversioned() (*schema.GroupVersion, runtime.NegotiatedSerializer) {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return &schema.GroupVersion{}, serializer.NewCodecFactory(scheme).WithoutConversion()
}

// RawClient returns a REST client for prepared bodies, without rate limit, on a separate
// connection: client-go shares one HTTP/2 connection between all clients of equal configuration,
// and a separate dialer makes the configuration unequal.
func RawClient(config *rest.Config) (*rest.RESTClient, error) {
	c := rest.CopyConfig(config)
	c.QPS = -1
	c.Dial = (&net.Dialer{}).DialContext
	c.GroupVersion, c.NegotiatedSerializer = unversioned()
	client, err := rest.RESTClientFor(c)
	if err != nil {
		return nil, fmt.Errorf("make a client for %s: %w", config.Host, err)
	}
	return client, nil
}
