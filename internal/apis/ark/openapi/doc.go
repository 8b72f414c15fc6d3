// Package openapi holds the OpenAPI definitions of the group's kinds and of
// the API machinery types that they use, generated from the Go types.
package openapi
