// Package registration registers the kinds of one version of the group in a scheme: their types and their field selectors.
//
// The package may import internal/apis/ark and k8s.io/apimachinery.
package registration
