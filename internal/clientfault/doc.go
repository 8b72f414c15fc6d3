// Package clientfault counts what clients do wrong, and keeps it out of the log: a client that
// repeats a mistake, with or without credentials, must neither fill the disk nor hide what an
// operator has to look at. From --log-level=info on it is logged.
//
// The Kubernetes libraries log such mistakes as errors. Handler recognises their records by the
// message; one that it does not know is logged, so a new release of the libraries can make the log
// louder, not quieter.
//
// The package may import k8s.io/apimachinery and k8s.io/component-base.
package clientfault
