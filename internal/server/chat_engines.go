package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes"

	"github.com/mckinsey/ark-server/internal/apiserver/parts"
)

const (
	// brokerUser is the user that configures engines to use the broker.
	brokerUser = "system:ark-broker"
	// brokerService is the name of the broker's Service in each namespace. The chart uses the same
	// name.
	brokerService = "ark-broker"
	// configStreaming and configBroker are the ConfigMaps from which Ark's engines read where to write
	// streams, and events.
	configStreaming = "ark-config-streaming"
	configBroker    = "ark-config-broker"
	// managedLabel and managedBy mark objects that this server created. Objects of users are not
	// changed.
	managedLabel = "app.kubernetes.io/managed-by"
	managedBy    = "ark-server"
	// pointEvery is how often new namespaces are looked for.
	pointEvery = 10 * time.Second
)

// brokerGrant returns the permissions of brokerUser.
func brokerGrant() parts.Grant {
	change := []string{"get", "update"}
	return parts.Grant{User: brokerUser, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"list"}},
		{APIGroups: []string{""}, Resources: []string{"configmaps", "services"}, Verbs: []string{"create"}},
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{configStreaming, configBroker}, Verbs: change},
		{APIGroups: []string{""}, Resources: []string{"services"}, ResourceNames: []string{brokerService}, Verbs: change},
	}}
}

// pointer configures engines outside to use the broker. It creates in each namespace the Service
// and the ConfigMaps that the chart creates in a cluster. It must be used by one goroutine.
type pointer struct {
	client kubernetes.Interface
	// broker is the URL at which engines reach the broker.
	broker string
	// pointed are the namespaces that have been configured. Objects that a user deletes there are not
	// recreated until the next start.
	pointed map[types.UID]bool
}

func newPointer(to base, broker string) (*pointer, error) {
	config, err := to.inProcess.Config(&user.DefaultInfo{Name: brokerUser})
	if err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client that points engines at the broker: %w", err)
	}
	return &pointer{client: client, broker: broker, pointed: map[types.UID]bool{}}, nil
}

// run configures the engines of all namespaces, including new ones, until the context ends.
func (p *pointer) run(ctx context.Context) {
	ticker := time.NewTicker(pointEvery)
	defer ticker.Stop()
	for {
		if err := p.all(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("engines cannot be pointed at the broker; trying again", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (p *pointer) all(ctx context.Context) error {
	list, err := p.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list the namespaces: %w", err)
	}
	for _, n := range list.Items {
		if p.pointed[n.UID] || n.DeletionTimestamp != nil || strings.HasPrefix(n.Name, "kube-") {
			continue
		}
		if err := p.namespace(ctx, n.Name); err != nil {
			return err
		}
		p.pointed[n.UID] = true
	}
	return nil
}

// namespace creates the objects of one namespace.
func (p *pointer) namespace(ctx context.Context, name string) error {
	host, port, err := hostAndPort(p.broker)
	if err != nil {
		return err
	}
	meta := func(name, namespace string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{managedLabel: managedBy}}
	}
	service := &corev1.Service{ObjectMeta: meta(brokerService, name), Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeExternalName, ExternalName: host, Ports: []corev1.ServicePort{{Name: "http", Port: port}},
	}}
	if net.ParseIP(host) != nil { // not a name: the Service has no externalName, and engines only read its port
		service.Spec.Type, service.Spec.ExternalName, service.Spec.ClusterIP = corev1.ServiceTypeClusterIP, "", corev1.ClusterIPNone
	}
	services := p.client.CoreV1().Services(name)
	if err := keep(ctx, service, services.Get, services.Create, services.Update, func(there *corev1.Service) bool {
		same := there.Spec.Type == service.Spec.Type && there.Spec.ExternalName == host && len(there.Spec.Ports) == 1 && there.Spec.Ports[0].Port == port
		there.Spec = service.Spec
		return same
	}); err != nil {
		return fmt.Errorf("make the service %s in the namespace %s: %w", brokerService, name, err)
	}
	// Engines read configStreaming with the name of a port, and configBroker with its number.
	for config, at := range map[string]string{configStreaming: "http", configBroker: strconv.Itoa(int(port))} {
		ref := fmt.Sprintf("name: %s\nport: %s\nnamespace: %s\n", brokerService, at, name)
		made := &corev1.ConfigMap{ObjectMeta: meta(config, name), Data: map[string]string{"enabled": "true", "serviceRef": ref}}
		maps := p.client.CoreV1().ConfigMaps(name)
		if err := keep(ctx, made, maps.Get, maps.Create, maps.Update, func(there *corev1.ConfigMap) bool {
			same := there.Data["serviceRef"] == ref
			if there.Data == nil {
				there.Data = map[string]string{}
			}
			there.Data["serviceRef"] = ref // an enabled: false of a user is kept
			return same
		}); err != nil {
			return fmt.Errorf("make the config map %s in the namespace %s: %w", config, name, err)
		}
	}
	return nil
}

// keep creates an object, or updates one that this server created if it has changed.
func keep[T metav1.Object](ctx context.Context, object T,
	get func(context.Context, string, metav1.GetOptions) (T, error),
	create func(context.Context, T, metav1.CreateOptions) (T, error),
	update func(context.Context, T, metav1.UpdateOptions) (T, error), same func(there T) bool,
) error {
	there, err := get(ctx, object.GetName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		if _, err = create(ctx, object, metav1.CreateOptions{}); apierrors.IsAlreadyExists(err) {
			return nil // another replica has created it
		}
	case err == nil && there.GetLabels()[managedLabel] == managedBy && !same(there):
		_, err = update(ctx, there, metav1.UpdateOptions{})
	}
	return err
}

// hostAndPort returns the host and port of an http URL.
func hostAndPort(address string) (host string, port int32, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", 0, fmt.Errorf("read the broker's URL: %w", err)
	}
	if u.Port() == "" {
		return u.Hostname(), 80, nil
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("read the port of the broker's URL: %w", err)
	}
	return u.Hostname(), int32(n), nil
}
