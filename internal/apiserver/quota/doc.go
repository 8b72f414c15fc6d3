// Package quota is the stock admission plugin of ResourceQuotas, asked only where there is a quota,
// with a bound on the time that it takes and with failures that say whose fault they are. Both
// modes enforce quotas with it; what counts again is the quota controller's, of the cluster or of
// the standalone server.
//
// The package may import k8s.io/apimachinery, k8s.io/apiserver and k8s.io/client-go.
package quota
