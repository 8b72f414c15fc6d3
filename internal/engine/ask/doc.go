// Package ask sends a question to an agent, a team, a model or a tool: it creates a Query and waits
// for its end, as any client of the API could.
//
// The package may import internal/apis/ark/v1alpha1, internal/engine/objects and
// k8s.io/apimachinery.
package ask
