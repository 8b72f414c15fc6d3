package sqlquery

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/readmodel"
)

// Summary counts and aggregates the rows of one view, without SQL: it needs no more permissions
// than a list.
type Summary struct {
	// Kind is the kind of the objects, whose view has the rows.
	Kind string `json:"kind"`
	// GroupBy are columns, or minute, hour, day, week and month of the time of creation.
	GroupBy []string `json:"groupBy,omitempty"`
	// Metrics are count, count(column), distinct(column), sum, avg, min, max and p1 to p99 of a
	// column; the default is count.
	Metrics []string `json:"metrics,omitempty"`
	// Where maps columns to the values that they must have; null for no value.
	Where map[string]any `json:"where,omitempty"`
	// Since and Until bound the time of creation: dates, or times in RFC 3339.
	Since string `json:"since,omitempty"`
	Until string `json:"until,omitempty"`
	// OrderBy is one of the groups or metrics, with the prefix - for descending order.
	OrderBy string `json:"orderBy,omitempty"`
}

var metric = regexp.MustCompile(`^(count|distinct|sum|avg|min|max|p([1-9][0-9]?))\(([a-z_]+)\)$`)

// buckets are the groups by creation time.
var buckets = map[string]string{
	"minute": "strftime('%Y-%m-%dT%H:%M:00Z', created_at)", "hour": "strftime('%Y-%m-%dT%H:00:00Z', created_at)", "day": "strftime('%Y-%m-%d', created_at)",
	"week": "strftime('%Y-%m-%d', created_at, '-6 days', 'weekday 1')", "month": "strftime('%Y-%m', created_at)",
}

// Statement returns the SELECT of a summary with its parameters. An *Error is an error in the
// summary.
func (s Summary) Statement() (string, map[string]any, error) {
	kinds := readmodel.Kinds()
	at := slices.IndexFunc(kinds, func(k readmodel.Kind) bool { return k.Name == s.Kind })
	if at < 0 {
		names := make([]string, len(kinds))
		for i, k := range kinds {
			names[i] = k.Name
		}
		return "", nil, &Error{Message: fmt.Sprintf("kind %q is none of %s", s.Kind, strings.Join(names, ", "))}
	}
	columns := map[string]bool{}
	for _, c := range kinds[at].Columns {
		columns[c.Name] = true
	}
	column := func(name string) error {
		if !columns[name] {
			return &Error{Message: fmt.Sprintf("%s has no column %q: use one of %s", s.Kind, name, strings.Join(slices.Sorted(maps.Keys(columns)), ", "))}
		}
		return nil
	}
	if len(s.GroupBy) > 8 || len(s.Metrics) > 20 || len(s.Where) > 20 {
		return "", nil, &Error{Message: "use at most 8 groups, 20 metrics and 20 conditions"}
	}
	if len(s.Metrics) == 0 {
		s.Metrics = []string{"count"}
	}
	var list, groups, orders []string
	for i, name := range s.GroupBy {
		expression, known := buckets[name]
		if !known {
			if err := column(name); err != nil {
				return "", nil, &Error{Message: err.Error() + ", or minute, hour, day, week, month"}
			}
			expression = name
		}
		list, groups, orders = append(list, expression+" AS "+name), append(groups, fmt.Sprint(i+1)), append(orders, name)
	}
	for _, name := range s.Metrics {
		expression := "count(*)"
		if m := metric.FindStringSubmatch(name); m != nil {
			if err := column(m[3]); err != nil {
				return "", nil, err
			}
			switch {
			case m[1] == "distinct":
				expression = "count(DISTINCT " + m[3] + ")"
			case m[2] != "":
				expression = "percentile(" + m[3] + ", " + m[2] + ")"
			default:
				expression = name
			}
		} else if name != "count" {
			return "", nil, &Error{Message: fmt.Sprintf("metric %q is none of count, count(column), distinct(column), sum(column), avg(column), min(column), max(column) and p95(column)", name)}
		}
		list, orders = append(list, expression+` AS "`+name+`"`), append(orders, name)
	}
	conditions, parameters := []string{"1"}, map[string]any{}
	for i, name := range slices.Sorted(maps.Keys(s.Where)) {
		if err := column(name); err != nil {
			return "", nil, err
		}
		key := fmt.Sprintf("where%d", i)
		conditions, parameters[key] = append(conditions, name+" IS :"+key), s.Where[name]
		if yes, ok := s.Where[name].(bool); ok { // SQLite stores booleans as numbers
			parameters[key] = map[bool]int64{true: 1}[yes]
		}
	}
	for _, bound := range []struct{ name, text, operator string }{{"since", s.Since, ">="}, {"until", s.Until, "<"}} {
		if bound.text == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, bound.text)
		if err != nil {
			if t, err = time.Parse(time.RFC3339, bound.text); err != nil {
				return "", nil, &Error{Message: fmt.Sprintf("%s %q is no time: use 2026-01-31 or 2026-01-31T12:00:00Z", bound.name, bound.text)}
			}
		}
		conditions, parameters[bound.name] = append(conditions, "created_at "+bound.operator+" :"+bound.name), t.UTC().Format(time.RFC3339)
	}
	statement := "SELECT " + strings.Join(list, ", ") + " FROM " + kinds[at].Resource + " WHERE " + strings.Join(conditions, " AND ")
	if len(groups) > 0 {
		statement += " GROUP BY " + strings.Join(groups, ", ")
	}
	switch by, down := strings.CutPrefix(s.OrderBy, "-"); {
	case s.OrderBy == "" && len(groups) > 0:
		statement += " ORDER BY " + strings.Join(groups, ", ")
	case s.OrderBy == "":
	case !slices.Contains(orders, by):
		return "", nil, &Error{Message: fmt.Sprintf("orderBy %q is neither a group nor a metric of the summary", by)}
	default:
		statement += ` ORDER BY "` + by + `"` + map[bool]string{true: " DESC"}[down] + strings.Join(append([]string{""}, groups...), ", ")
	}
	return statement, parameters, nil
}
