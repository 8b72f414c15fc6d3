package component

import (
	"fmt"
	"net"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
)

// unversioned is what a client needs that sends and receives prepared bytes only.
func unversioned() (*schema.GroupVersion, runtime.NegotiatedSerializer) {
	return &schema.GroupVersion{}, serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
}

// RawClient makes a REST client for prepared bodies, without rate limit, on a connection of its own: client-go shares one
// HTTP/2 connection between all clients of equal configuration, and a dialer of its own makes the configuration unequal.
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
