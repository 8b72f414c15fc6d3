// Package v1alpha1 holds the kinds of this version of the group records.ark.mckinsey.com.
//
// Revisions and deleted objects are views of the history: the server makes them for an answer. They offer neither watch nor
// delete, so that a client which follows all kinds, such as the garbage collector, quota or Argo CD, passes them by. Searches
// and SQL queries are questions: they can only be created, and are not kept. Retention policies are stored.
//
// The package may import internal/apis/records and k8s.io/apimachinery.
//
// +k8s:deepcopy-gen=package
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=com.mckinsey.ark.records.v1alpha1
// +groupName=records.ark.mckinsey.com
package v1alpha1
