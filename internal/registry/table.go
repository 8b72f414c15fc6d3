package registry

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metatable "k8s.io/apimachinery/pkg/api/meta/table"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// tableConvertor prints objects of one kind with the columns of its CRD.
type tableConvertor struct {
	kind Kind
}

// ConvertToTable implements rest.TableConvertor for an object or a list.
func (c tableConvertor) ConvertToTable(_ context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	table := &metav1.Table{}
	if o, ok := options.(*metav1.TableOptions); !ok || o == nil || !o.NoHeaders {
		table.ColumnDefinitions = c.headers()
	}
	if m, err := meta.ListAccessor(obj); err == nil {
		table.ResourceVersion = m.GetResourceVersion()
		table.Continue = m.GetContinue()
		table.RemainingItemCount = m.GetRemainingItemCount()
	} else if m, err := meta.CommonAccessor(obj); err == nil {
		table.ResourceVersion = m.GetResourceVersion()
	}
	var err error
	table.Rows, err = metatable.MetaToTableRow(obj, func(obj runtime.Object, _ metav1.Object, name, _ string) ([]any, error) {
		cells := make([]any, 0, 1+len(c.kind.Columns))
		cells = append(cells, name)
		for _, column := range c.kind.Columns {
			cells = append(cells, column.Cell(obj))
		}
		return cells, nil
	})
	if err != nil {
		return nil, fmt.Errorf("print %s as a table: %w", c.kind.Plural, err)
	}
	return table, nil
}

func (c tableConvertor) headers() []metav1.TableColumnDefinition {
	headers := []metav1.TableColumnDefinition{{
		Name: "Name", Type: "string", Format: "name",
		Description: metav1.ObjectMeta{}.SwaggerDoc()["name"],
	}}
	for _, column := range c.kind.Columns {
		description := column.Description
		if description == "" {
			// The words that the API server uses for a CRD's column.
			description = "Custom resource definition column (in JSONPath format): " + column.JSONPath
		}
		headers = append(headers, metav1.TableColumnDefinition{
			Name: column.Name, Type: column.Type, Description: description, Priority: column.Priority,
		})
	}
	return headers
}
