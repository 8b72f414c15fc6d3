// Package v1alpha1 holds the kinds of this version of the group ark.mckinsey.com.
// Kinds lists them.
//
// The types lose nothing: what a client stores comes back, field by field.
//
//   - An optional scalar or struct is a pointer with omitempty, so an explicit
//     false, 0 or "" survives and an absent field stays absent.
//   - An optional list or map uses omitzero, so an empty one survives too.
//   - A required scalar is a plain value only where the zero value is invalid
//     anyway (minLength, enum); otherwise it is a pointer, because a required
//     string may be empty but may not be missing.
//   - A field whose default is the zero value is a plain value.
//   - Free-form fields are JSON or JSONObject.
//   - Durations are Duration, which keeps its text where metav1.Duration turns
//     5m into 5m0s. The registry decides which text is stored.
//   - Label selectors are LabelSelector, which keeps empty maps and lists.
//   - Status is a pointer: an object that no controller has seen has none.
//
// Two normalisations remain: an absent spec is the same as an empty one, and
// times come back in the canonical form of RFC 3339.
//
// Comments starting with +k8s: are read by validation-gen, +k8s:validation:,
// +enum, +default, +required and +listType by openapi-gen; both are needed to
// enforce a rule and to publish it. The linter of validation-gen is off: it
// wants +k8s:required on required lists, which would refuse empty ones.
//
// The package may import internal/apis/ark,
// internal/apis/ark/registration, internal/objectjson, k8s.io/apimachinery
// and k8s.io/kube-openapi.
//
// +k8s:deepcopy-gen=package
// +k8s:defaulter-gen=TypeMeta
// +k8s:validation-gen=TypesWithField=TypeMeta
// +k8s:validation-gen-nolint
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=com.mckinsey.ark.v1alpha1
// +groupName=ark.mckinsey.com
package v1alpha1
