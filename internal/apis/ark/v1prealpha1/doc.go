// Package v1prealpha1 holds the kinds of this version of the group ark.mckinsey.com.
// Kinds lists them.
//
// The package may import internal/apis/ark,
// internal/apis/ark/registration, internal/apis/ark/v1alpha1,
// internal/objectjson and k8s.io/apimachinery.
//
// +k8s:deepcopy-gen=package
// +k8s:defaulter-gen=TypeMeta
// +k8s:validation-gen=TypesWithField=TypeMeta
// +k8s:validation-gen-nolint
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=com.mckinsey.ark.v1prealpha1
// +groupName=ark.mckinsey.com
package v1prealpha1
