// Package openapi holds the OpenAPI definitions of the group's kinds and of
// the API machinery types that they use, generated from the Go types.
//
// The package may import internal/apis/ark/v1alpha1, internal/apis/ark/v1prealpha1,
// k8s.io/apimachinery, k8s.io/kube-openapi and k8s.io/utils.
package openapi
