package sqlquery

import (
	"errors"
	"fmt"
	"time"
)

// Limits of a request. A request may set lower ones, not higher ones.
const (
	MaxRows      = 10_000
	MaxBytes     = 16 << 20
	MaxTime      = 30 * time.Second
	DefaultTime  = 10 * time.Second
	DefaultRows  = 1000
	maxStatement = 64 << 10
	maxValue     = 1 << 20
)

// Rows are the rows of a kind that a request may read.
type Rows struct {
	// All permits every row. Otherwise the fields permit the rows of whole namespaces, of single names
	// by namespace, and of names in any namespace.
	All        bool
	Namespaces []string
	Names      map[string][]string
	Everywhere []string
	// Within restricts the rows to one namespace; nil for no restriction.
	Within *string
}

// Request is one statement.
type Request struct {
	Query string
	// Parameters are the values of :name, @name and $name: strings, numbers, booleans or nil.
	Parameters map[string]any
	// Rows are the permitted rows, by resource. The views of other kinds are empty.
	Rows    map[string]Rows
	MaxRows int
	Timeout time.Duration
}

// Column is a column of an answer.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Answer is the result of a statement.
type Answer struct {
	Columns []Column `json:"columns"`
	Rows    [][]any  `json:"rows"`
	// Truncated is true if there were more rows, or they were too large.
	Truncated bool `json:"truncated"`
}

// Error is an error in the statement.
type Error struct {
	Message string
	// Line and Column are its position, from 1; 0 if it is not known.
	Line, Column int
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("%s (line %d, column %d)", e.Message, e.Line, e.Column)
}

var (
	// ErrTimeout reports that the statement took too long.
	ErrTimeout = errors.New("the statement took too long: narrow it by WHERE, or raise timeoutSeconds, to 30 at most")
	// ErrMemory reports that the statement took too much memory, or that the server had too little at
	// that time.
	ErrMemory = errors.New("the statement took too much memory: sort or collect fewer or smaller rows")
	// ErrBusy reports that too many statements are running.
	ErrBusy = errors.New("too many statements run at once: try again in a moment")
)
