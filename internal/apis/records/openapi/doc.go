// Package openapi holds the OpenAPI definitions of the kinds of the group records.ark.mckinsey.com and of the API machinery
// types that they use, generated from the Go types.
//
// The package may import internal/apis/records/v1alpha1, k8s.io/apimachinery and k8s.io/kube-openapi.
package openapi
