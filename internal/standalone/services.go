package standalone

import (
	"context"
	"errors"
	"fmt"
	"net"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	api "k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/registry/core/service/ipallocator"
	"k8s.io/kubernetes/pkg/registry/core/service/portallocator"
	servicestorage "k8s.io/kubernetes/pkg/registry/core/service/storage"
)

// newServices makes the storage of services, by paths. There is no network behind them, and so no
// address that could be given out: a service of the type ClusterIP is headless unless it comes with
// its own address, ExternalName works as anywhere, and the types that promise ports on nodes
// or a load balancer are refused.
func newServices(options generic.RESTOptionsGetter) (map[string]rest.Storage, error) {
	addresses := map[api.IPFamily]ipallocator.Interface{api.IPv4Protocol: noAddresses{}}
	services, status, _, err := servicestorage.NewREST(options, api.IPv4Protocol, addresses, noPorts{}, nil, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("set up the storage of services: %w", err)
	}
	beginCreate, beginUpdate := services.BeginCreate, services.BeginUpdate
	services.BeginCreate = func(ctx context.Context, obj runtime.Object, options *metav1.CreateOptions) (genericregistry.FinishFunc, error) {
		if err := withoutNetwork(obj.(*api.Service), nil); err != nil {
			return nil, err
		}
		return beginCreate(ctx, obj, options)
	}
	services.BeginUpdate = func(ctx context.Context, obj, old runtime.Object, options *metav1.UpdateOptions) (genericregistry.FinishFunc, error) {
		if err := withoutNetwork(obj.(*api.Service), old.(*api.Service)); err != nil {
			return nil, err
		}
		return beginUpdate(ctx, obj, old, options)
	}
	return map[string]rest.Storage{"services": services, "services/status": status}, nil
}

// withoutNetwork refuses a service that needs one, and makes one headless that would get an
// address.
func withoutNetwork(service, old *api.Service) error {
	switch service.Spec.Type {
	case api.ServiceTypeExternalName: // a name needs no network of ours
	case api.ServiceTypeNodePort, api.ServiceTypeLoadBalancer:
		return apierrors.NewInvalid(api.Kind("Service"), service.Name, field.ErrorList{field.Invalid(field.NewPath("spec", "type"), service.Spec.Type,
			"a standalone server has no nodes and no load balancer: use ClusterIP, or ExternalName for a host outside")})
	case api.ServiceTypeClusterIP:
		hasAddress := func(s *api.Service) bool { return s != nil && (s.Spec.ClusterIP != "" || len(s.Spec.ClusterIPs) > 0) }
		// An update without an address keeps the one before.
		if !hasAddress(service) && !hasAddress(old) {
			service.Spec.ClusterIP = api.ClusterIPNone
		}
	}
	return nil
}

// noAddresses takes the addresses that services bring along, and gives out none.
type noAddresses struct{}

var errNoAddresses = errors.New("a standalone server has no addresses for services: leave spec.clusterIP out, set it to None, or name an address")

func (noAddresses) Allocate(net.IP) error           { return nil }
func (noAddresses) AllocateNext() (net.IP, error)   { return nil, errNoAddresses }
func (noAddresses) Release(net.IP) error            { return nil }
func (noAddresses) ForEach(func(net.IP))            {}
func (noAddresses) CIDR() net.IPNet                 { return net.IPNet{} }
func (noAddresses) IPFamily() api.IPFamily          { return api.IPv4Protocol }
func (noAddresses) Has(net.IP) bool                 { return true }
func (noAddresses) Destroy()                        {}
func (noAddresses) EnableMetrics()                  {}
func (a noAddresses) DryRun() ipallocator.Interface { return a }

// noPorts allocates no node ports: a Service that needs one has been refused before.
type noPorts struct{}

var (
	_ ipallocator.Interface   = noAddresses{}
	_ portallocator.Interface = noPorts{}

	errNoPorts = errors.New("a standalone server has no nodes, and so no ports of nodes")
)

func (noPorts) Allocate(int) error         { return errNoPorts }
func (noPorts) AllocateNext() (int, error) { return 0, errNoPorts }
func (noPorts) Release(int) error          { return nil }
func (noPorts) ForEach(func(int))          {}
func (noPorts) Has(int) bool               { return false }
func (noPorts) Destroy()                   {}
func (noPorts) EnableMetrics()             {}
