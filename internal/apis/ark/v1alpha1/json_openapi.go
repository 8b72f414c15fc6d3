package v1alpha1

import (
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// OpenAPIDefinition says that any value is allowed.
func (JSON) OpenAPIDefinition() common.OpenAPIDefinition {
	return freeForm("JSON is any JSON value.", nil)
}

// OpenAPIDefinition says that any object is allowed.
func (JSONObject) OpenAPIDefinition() common.OpenAPIDefinition {
	return freeForm("JSONObject is a JSON object with free content.", []string{"object"})
}

// freeForm is written by hand because openapi-gen publishes extensions as
// strings, and this one counts only as a boolean.
func freeForm(description string, types []string) common.OpenAPIDefinition {
	return common.OpenAPIDefinition{Schema: spec.Schema{
		SchemaProps: spec.SchemaProps{Description: description, Type: types},
		VendorExtensible: spec.VendorExtensible{Extensions: spec.Extensions{
			"x-kubernetes-preserve-unknown-fields": true,
		}},
	}}
}
