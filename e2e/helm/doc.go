// Package helm tests deploy/ without a cluster: what the chart renders, what it refuses, and that
// the files made from it (golden files, the table of the README, the Kustomize base) are current.
// "go test ./helm -update" writes them anew.
package helm
