//go:build sources

package e2e

// The conformance run compiles the tests of these packages from copies of their sources. Importing
// them here, in a file that is never built, keeps their module and its dependencies in go.mod and
// go.sum.
import (
	_ "k8s.io/apiserver/pkg/storage/cacher"
	_ "k8s.io/apiserver/pkg/storage/etcd3"
	_ "k8s.io/apiserver/pkg/storage/testing"
)
