// Package helm tests deploy/ without a cluster: what the chart renders, which values it rejects,
// and that the generated files (golden files, the table of the README, the Kustomize base) are
// current. "go test ./helm -update" writes them again.
package helm
