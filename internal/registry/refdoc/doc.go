// Command refdoc writes docs/reference: a page for every kind of the API, with
// its names, columns, field selectors and every field. It takes all of it from
// what the server itself uses: the kinds of internal/registry and the published
// OpenAPI definitions, which are generated from the Go types.
//
//	go run ./internal/registry/refdoc docs/reference
//
// Files of that folder that it does not write are removed.
//
// The package may import internal/apis/ark/openapi, internal/registry and
// k8s.io/kube-openapi.
package main
