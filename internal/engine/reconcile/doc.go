// Package reconcile keeps the statuses of Models, Agents and Tools: whether a model answers, whether what an agent needs
// is there, and that a tool is ready.
//
// Invariants: a status is written when it changes, and not otherwise. A model is asked once in its pollInterval, and when
// its spec has changed; nothing else is asked at all: what agents depend on is watched.
//
// The package may import internal/apis/ark/v1alpha1, internal/engine/objects, k8s.io/apimachinery, k8s.io/client-go and
// k8s.io/klog/v2.
package reconcile
