package aggregated

import "fmt"

// TrustError tells that the cluster does not say whom to believe, or not to this
// server.
type TrustError struct {
	Err error
}

func (e *TrustError) Error() string {
	return fmt.Sprintf("ConfigMap %s/%s: %v", trustNamespace, trustConfigMap, e.Err)
}

// Unwrap returns the cause.
func (e *TrustError) Unwrap() error { return e.Err }

// PermissionError tells what the server's own account in the cluster may not do
// and must.
type PermissionError struct {
	// User is the account, such as system:serviceaccount:ark-system:ark-server.
	User string
	// Verb and Resource are what is refused, such as list and
	// validatingadmissionpolicies.admissionregistration.k8s.io.
	Verb, Resource string
	// Namespace is where, or "" for the whole cluster.
	Namespace string
	// Plugin is the admission plugin that needs it, or "" where every server does.
	Plugin string
}

func (e *PermissionError) Error() string {
	where := ""
	if e.Namespace != "" {
		where = " in namespace " + e.Namespace
	}
	return fmt.Sprintf("%s may not %s %s%s", e.User, e.Verb, e.Resource, where)
}
