package registry

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func defineTool() Kind {
	return define(definition[v1alpha1.Tool, v1alpha1.ToolSpec, *v1alpha1.ToolStatus]{
		spec:   func(o *v1alpha1.Tool) *v1alpha1.ToolSpec { return &o.Spec },
		status: func(o *v1alpha1.Tool) **v1alpha1.ToolStatus { return &o.Status },
		columns: []column[v1alpha1.Tool]{
			// The CRD names no columns; the API server then prints the age alone.
			described(age[v1alpha1.Tool](), metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"]),
			{name: "Type", kind: "string", path: ".spec.type", wide: true, cell: func(o *v1alpha1.Tool) any {
				return word(o.Spec.Type)
			}},
			{name: "State", kind: "string", path: ".status.state", wide: true, cell: func(o *v1alpha1.Tool) any {
				return optional(o.Status, func(x *v1alpha1.ToolStatus) any { return text(x.State) })
			}},
			{name: "Description", kind: "string", path: ".spec.description", wide: true, cell: func(o *v1alpha1.Tool) any {
				return text(o.Spec.Description)
			}},
		},
		fields: []selectable[v1alpha1.Tool]{
			{path: "spec.type", value: func(o *v1alpha1.Tool) string { return string(o.Spec.Type) }},
		},
		durations: func(o *v1alpha1.Tool) []place {
			if o.Spec.Approval == nil {
				return []place{nil}
			}
			return []place{&o.Spec.Approval.Timeout}
		},
		hooks: hooks[*v1alpha1.Tool]{
			stamp: func(o, old *v1alpha1.Tool, by author) { rules.StampAuthor(o, old, by.name, by.at) },
			authorize: func(ctx context.Context, by requester, o, old *v1alpha1.Tool) field.ErrorList {
				if !rules.Authors(o, old) {
					return nil
				}
				return mayWriteInline(ctx, by, o)
			},
			transition: rules.TransitionTool,
			check:      func(_ context.Context, _ rules.Env, o *v1alpha1.Tool) field.ErrorList { return rules.CheckTool(o) },
			skippable:  true,
		},
	})
}
