package records

import (
	"cmp"
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
)

// ConvertToTable implements rest.TableConvertor.
func (r *revisions) ConvertToTable(_ context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	table := newTable(options,
		metav1.TableColumnDefinition{Name: "Name", Type: "string", Format: "name", Description: "KIND.NAME.REVISION"},
		metav1.TableColumnDefinition{Name: "Verb", Type: "string", Description: "What was done."},
		metav1.TableColumnDefinition{Name: "User", Type: "string", Description: "Who did it."},
		metav1.TableColumnDefinition{Name: "Generation", Type: "integer", Description: "The version of the object's spec."},
		metav1.TableColumnDefinition{Name: "Age", Type: "string", Description: "How long ago it was done."},
		metav1.TableColumnDefinition{Name: "Manager", Type: "string", Priority: 1, Description: "The name under which the program owns fields."},
		metav1.TableColumnDefinition{Name: "Cause", Type: "string", Priority: 1, Description: "Why it was done."},
	)
	add := func(one *v1alpha1.Revision) {
		table.Rows = append(table.Rows, metav1.TableRow{
			Cells:  []any{one.Name, one.Verb, cmp.Or(one.User, "<unknown>"), one.Generation, age(one.Time), one.FieldManager, one.Cause},
			Object: runtime.RawExtension{Object: one},
		})
	}
	switch obj := obj.(type) {
	case *v1alpha1.RevisionList:
		table.ResourceVersion, table.Continue = obj.ResourceVersion, obj.Continue
		for i := range obj.Items {
			add(&obj.Items[i])
		}
	case *v1alpha1.Revision:
		table.ResourceVersion = obj.ResourceVersion
		add(obj)
	default:
		return nil, fmt.Errorf("show %T as a table of revisions", obj)
	}
	return table, nil
}

func newTable(options runtime.Object, columns ...metav1.TableColumnDefinition) *metav1.Table {
	table := &metav1.Table{Rows: []metav1.TableRow{}}
	if o, ok := options.(*metav1.TableOptions); !ok || !o.NoHeaders {
		table.ColumnDefinitions = columns
	}
	return table
}

func age(at metav1.MicroTime) string {
	if at.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(time.Since(at.Time))
}
