// Package registration describes the kinds of one version of the group (Kind), and registers them in a
// scheme: their types and their field selectors.
//
// The package may import internal/apis/ark and k8s.io/apimachinery.
package registration
