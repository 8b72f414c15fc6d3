// Package access asks a real kube-apiserver, by SubjectAccessReviews, which rows a thousand users
// with random roles may see: once by internal/access, in bulk, and once for each row. It also takes
// rights away and gives new ones, and kills the kube-apiserver.
//
// TestStandaloneAsKubeAPIServer gives the same users and roles to a standalone ark-server, and has
// both decide 500 requests, and 300 more of service accounts that act as others (constrained
// impersonation, KEP-5284).
//
//	go test ./access -v
package access
