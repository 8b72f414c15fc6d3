package registry

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func tool() Kind {
	return define(definition[v1alpha1.Tool, v1alpha1.ToolList, v1alpha1.ToolSpec, *v1alpha1.ToolStatus]{
		version: v1alpha1.SchemeGroupVersion,
		name:    "Tool", plural: "tools", singular: "tool",
		spec:   func(o *v1alpha1.Tool) *v1alpha1.ToolSpec { return &o.Spec },
		status: func(o *v1alpha1.Tool) **v1alpha1.ToolStatus { return &o.Status },
		columns: []column[v1alpha1.Tool]{
			// The CRD names no columns; the API server then prints the age alone.
			described(age[v1alpha1.Tool](), metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"]),
		},
	})
}
