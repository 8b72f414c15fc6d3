package named

import (
	"slices"
	"strings"
)

// Column is a column of a query's result.
type Column struct {
	table, expression string
	orZero            bool
	into              any
}

// Col is the column that an expression selects; into points to what receives its value.
func Col(expression string, into any) Column { return Column{expression: expression, into: into} }

// Of is a column of a table, or of an alias of one.
func Of(table, name string, into any) Column {
	return Column{table: table, expression: name, into: into}
}

func (c Column) String() string {
	text := c.expression
	if c.table != "" {
		text = c.table + "." + text
	}
	if c.orZero {
		text = "coalesce(" + text + ", 0)"
	}
	return text
}

// Columns are those of one query, in order.
type Columns []Column

// String is the list as it stands after SELECT.
func (c Columns) String() string {
	list := make([]string, len(c))
	for i, column := range c {
		list[i] = column.String()
	}
	return strings.Join(list, ", ")
}

// Into is what Scan takes. It may be used for all rows of a result, one after the other.
func (c Columns) Into() []any {
	into := make([]any, len(c))
	for i := range c {
		into[i] = c[i].into
	}
	return into
}

// Without leaves out the column whose value goes to into.
func (c Columns) Without(into any) Columns {
	return slices.DeleteFunc(c, func(column Column) bool { return column.into == into })
}

// OrZero makes NULL numbers 0: those of a row that a LEFT JOIN does not find.
func (c Columns) OrZero() Columns {
	for i := range c {
		_, c[i].orZero = c[i].into.(*int64)
	}
	return c
}
