// Package crds writes the kinds as CustomResourceDefinitions, from the same Go
// types and columns that the server serves them with. They are for clusters that
// serve the kinds themselves: the way back from ark-server, and tests with a
// real kube-apiserver.
//
// The package may import internal/apis/ark/openapi, internal/registry,
// k8s.io/kube-openapi and sigs.k8s.io/yaml.
package crds
