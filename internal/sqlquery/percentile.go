package sqlquery

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"
)

// maxHeld is how many numbers all statements together may store for percentiles: 32 MiB.
const maxHeld = 4 << 20

var (
	errTooMany = errors.New("too many numbers for percentiles: narrow the statement by WHERE")
	held       atomic.Int64
	// register adds the functions to the driver, which has one set of them for the process. Only the
	// sandbox permits them in statements, and no other code calls them.
	register = sync.OnceValue(func() error {
		for name, arguments := range map[string]int32{"median": 1, "percentile": 2, "percentile_cont": 2, "percentile_disc": 2} {
			err := sqlite.RegisterFunction(name, &sqlite.FunctionImpl{NArgs: arguments, Deterministic: true,
				MakeAggregate: func(sqlite.FunctionContext) (sqlite.AggregateFunction, error) {
					return &percentile{name: name, at: 0.5}, nil
				}})
			if err != nil {
				return fmt.Errorf("register the function %s: %w", name, err)
			}
		}
		return nil
	})
)

// percentile has the numbers of a group. As in SQLite's own extension, percentile(x, 95) and
// percentile_cont(x, 0.95) interpolate, and percentile_disc(x, 0.95) is one of the numbers. Values
// that are not numbers are ignored.
type percentile struct {
	name   string
	at     float64
	values []float64
}

func number(value driver.Value) (float64, bool) {
	switch v := value.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, !math.IsNaN(v)
	}
	return 0, false
}

// Step implements sqlite.AggregateFunction.
func (p *percentile) Step(_ *sqlite.FunctionContext, arguments []driver.Value) error {
	if len(arguments) == 2 {
		at, ok := number(arguments[1])
		if p.name == "percentile" {
			at /= 100
		}
		if !ok || at < 0 || at > 1 {
			return fmt.Errorf("the second argument of %s is out of its range", p.name)
		}
		p.at = at
	}
	if v, ok := number(arguments[0]); ok {
		if held.Add(1) > maxHeld {
			held.Add(-1)
			return errTooMany
		}
		p.values = append(p.values, v)
	}
	return nil
}

// WindowInverse implements sqlite.AggregateFunction.
func (p *percentile) WindowInverse(_ *sqlite.FunctionContext, arguments []driver.Value) error {
	if v, ok := number(arguments[0]); ok {
		if i := slices.Index(p.values, v); i >= 0 {
			p.values = slices.Delete(p.values, i, i+1)
			held.Add(-1)
		}
	}
	return nil
}

// WindowValue implements sqlite.AggregateFunction.
func (p *percentile) WindowValue(*sqlite.FunctionContext) (driver.Value, error) {
	if len(p.values) == 0 {
		return nil, nil
	}
	sorted := slices.Sorted(slices.Values(p.values))
	if p.name == "percentile_disc" {
		return sorted[max(int(math.Ceil(p.at*float64(len(sorted))))-1, 0)], nil
	}
	at := p.at * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (sorted[high]-sorted[low])*(at-float64(low)), nil
}

// Final implements sqlite.AggregateFunction.
func (p *percentile) Final(*sqlite.FunctionContext) {
	held.Add(-int64(len(p.values)))
	p.values = nil
}
