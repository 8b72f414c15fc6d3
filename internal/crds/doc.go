// Package crds writes the kinds as CustomResourceDefinitions, from the same Go
// types and columns that the server serves them with. They are for clusters that
// serve the kinds themselves: the way back from ark-server, and tests beside a
// real kube-apiserver.
//
// It may import the registry and the published OpenAPI definitions.
package crds
