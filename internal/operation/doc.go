// Package operation serves what operators look at, beside the API:
//
//	/metrics        the Kubernetes libraries' metrics and ours
//	/debug/store    the storage as it is now, as JSON
//	/debug/flags/v  the detail of the log: PUT changes it
//
// The profiles at /debug/pprof come with the API server. Whoever asks for any of them
// must be allowed to, as a non-resource URL; the API server sees to that. None of it
// holds values of objects.
//
// The package may import internal/etcdserver, internal/mvcc, k8s.io/apiserver and
// k8s.io/component-base.
package operation
