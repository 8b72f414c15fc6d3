package registry

import (
	metatable "k8s.io/apimachinery/pkg/api/meta/table"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// text is a string cell. An absent string is a cell without a value, which
// kubectl shows as it shows a missing field of a custom resource.
func text[S ~string](s *S) any {
	if s == nil {
		return nil
	}
	return string(*s)
}

// word is a string cell for a field that is absent when empty.
func word[S ~string](s S) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// number is an integer cell.
func number(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

// textOf is the value for selectors of a field that may be absent.
func textOf[S ~string](s *S) string {
	if s == nil {
		return ""
	}
	return string(*s)
}

// selected is the value for selectors of a field inside something that may be
// absent; cell is one of the above.
func selected[P any](p *P, cell func(*P) any) string {
	s, _ := optional(p, cell).(string)
	return s
}

// optional is the cell of a field inside something that may be absent.
func optional[P any](p *P, cell func(*P) any) any {
	if p == nil {
		return nil
	}
	return cell(p)
}

// condition is the status of the first condition of a type, as the JSONPath
// filter
// .status.conditions[?(@.type=="x")].status finds it.
func condition(conditions []v1alpha1.Condition, conditionType string) any {
	for _, c := range conditions {
		if c.Type == conditionType {
			return word(c.Status)
		}
	}
	return nil
}

// age is the column that ends every kind's table.
func age[T any, P object[T]]() column[T] {
	return column[T]{
		name: "Age", kind: "date", path: ".metadata.creationTimestamp",
		cell: func(obj *T) any {
			created := P(obj).GetCreationTimestamp()
			if created.IsZero() {
				return nil
			}
			return metatable.ConvertToHumanReadableDateType(created)
		},
	}
}

// priority is the column's as in a CRD.
func (c column[T]) priority() int32 {
	if c.wide {
		return 1
	}
	return 0
}

// described gives a column a description of its own.
func described[T any](c column[T], description string) column[T] {
	c.description = description
	return c
}
