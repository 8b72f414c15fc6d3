package sqlquery

import (
	"errors"
	"fmt"
	"time"
)

// Limits of a request. What is asked for may be less, and not more.
const (
	MaxRows      = 10_000
	MaxBytes     = 16 << 20
	MaxTime      = 30 * time.Second
	DefaultTime  = 10 * time.Second
	DefaultRows  = 1000
	maxStatement = 64 << 10
	maxValue     = 1 << 20
)

// Rows says which rows of a kind a request may see.
type Rows struct {
	// All: every row. Otherwise those of whole namespaces, those of single names by namespace, and
	// those of names in any namespace.
	All        bool
	Namespaces []string
	Names      map[string][]string
	Everywhere []string
	// Within bounds it to one namespace; nil for no bound.
	Within *string
}

// Request is one statement.
type Request struct {
	Query string
	// Parameters are the values of :name, @name and $name: strings, numbers, booleans or nil.
	Parameters map[string]any
	// Rows are those allowed, by resource. A kind that is not there has an empty view.
	Rows    map[string]Rows
	MaxRows int
	Timeout time.Duration
}

// Column is one of an answer.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Answer is what a statement returns.
type Answer struct {
	Columns []Column `json:"columns"`
	Rows    [][]any  `json:"rows"`
	// Truncated: there were more rows, or they were too large.
	Truncated bool `json:"truncated"`
}

// Error is a fault of the statement.
type Error struct {
	Message string
	// Line and Column say where, from 1; 0 where that is not known.
	Line, Column int
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("%s (line %d, column %d)", e.Message, e.Line, e.Column)
}

var (
	// ErrTimeout says that the statement took too long.
	ErrTimeout = errors.New("the statement took too long: narrow it by WHERE, or raise timeoutSeconds, to 30 at most")
	// ErrMemory says that the statement took too much memory, or that the server was short of it at
	// the time.
	ErrMemory = errors.New("the statement took too much memory: sort or collect fewer or smaller rows")
	// ErrBusy says that too many statements run.
	ErrBusy = errors.New("too many statements run at once: try again in a moment")
)
