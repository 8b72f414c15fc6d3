// Package ark names the API group that ark-server serves. Its sub-packages
// hold the group's contents:
//
//   - v1alpha1 and v1prealpha1: the Go types, one file per kind, with their
//     defaults and the validation that is generated from field tags;
//   - validation: the schema rules that tags cannot express;
//   - openapi: the generated OpenAPI definitions of both versions;
//   - registration: what describes a kind, and how a version registers its kinds in a scheme;
//   - install: the kinds of both versions, and their scheme;
//   - facts: the test data of each kind.
//
// The package may import the standard library only.
package ark
