package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/conversation"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

// memoryName is the name of the Memory with which an engine outside finds the conversations of
// chats.
const memoryName = "ark-server"

// outside stores earlier messages where an engine outside can read them: in the HTTP API of
// memories, on the broker's port.
type outside struct {
	store  *conversation.Store
	system *objects.Client
	// broker is the URL of that port. It is set before the server serves.
	broker string
}

// Begin implements chat.Conversations.
func (o *outside) Begin(ctx context.Context, namespace, query string, messages [][]byte) (id, memory string, err error) {
	if err := o.ensureMemory(ctx, namespace); err != nil {
		return "", "", err
	}
	if id, err = o.store.Begin(ctx, namespace); err != nil {
		return "", "", err
	}
	list := make([]json.RawMessage, len(messages))
	for i, m := range messages {
		list[i] = m
	}
	return id, memoryName, o.store.Add(ctx, namespace, id, query, list, 0)
}

// ensureMemory creates the Memory of a namespace, or updates its address. It also writes the status
// that a controller would write, so that the first query need not wait for one.
func (o *outside) ensureMemory(ctx context.Context, namespace string) error {
	url := o.url(namespace)
	m := &v1alpha1.Memory{}
	err := o.system.Get(ctx, "memories", namespace, memoryName, m)
	switch {
	case apierrors.IsNotFound(err):
		m = &v1alpha1.Memory{ObjectMeta: metav1.ObjectMeta{Name: memoryName, Namespace: namespace}}
		m.Spec.Address = &v1alpha1.ValueSource{Value: &url}
		if err = o.system.Create(ctx, "memories", m); apierrors.IsAlreadyExists(err) {
			err = o.system.Get(ctx, "memories", namespace, memoryName, m)
		}
	case err == nil && (m.Spec.Address == nil || m.Spec.Address.Value == nil || *m.Spec.Address.Value != url):
		m.Spec.Address = &v1alpha1.ValueSource{Value: &url}
		err = o.system.Update(ctx, "memories", m)
	}
	if err != nil {
		return fmt.Errorf("make the memory %s in the namespace %s: %w", memoryName, namespace, err)
	}
	if m.Status != nil && m.Status.LastResolvedAddress != nil && *m.Status.LastResolvedAddress == url {
		return nil
	}
	ready := v1alpha1.MemoryReady
	m.Status = &v1alpha1.MemoryStatus{LastResolvedAddress: &url, Phase: &ready}
	if err := o.system.UpdateStatus(ctx, "memories", m); err != nil && !apierrors.IsConflict(err) { // another client has written it
		return fmt.Errorf("write the address of the memory %s in the namespace %s: %w", memoryName, namespace, err)
	}
	return nil
}

// url returns the URL at which an engine finds the conversations of a namespace.
func (o *outside) url(namespace string) string {
	return strings.TrimSuffix(o.broker, "/") + "/namespaces/" + namespace
}

// reachable returns an address at which this machine can reach a listener.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
