// Package access compares internal/access with a real kube-apiserver. It decides which rows a
// thousand users with random roles may see: once with internal/access, in bulk, and once with a
// SubjectAccessReview for each row. It also removes permissions and grants new ones, and kills the
// kube-apiserver.
//
// TestStandaloneAsKubeAPIServer gives the same users and roles to a standalone ark-server. Both
// then decide 500 requests, and 300 more of service accounts that act as others (constrained
// impersonation, KEP-5284).
//
//	go test ./access -v
package access
