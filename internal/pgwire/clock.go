package pgwire

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The model stores times as RFC 3339 strings, UTC, with a resolution of seconds: this is the
// corresponding format of SQLite.
const stamp = `'%Y-%m-%dT%H:%M:%SZ'`

func at(expression string, modifiers ...string) string {
	return "strftime(" + stamp + ", " + expression + strings.Join(append([]string{""}, modifiers...), ", ") + ")"
}

var moment = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:\.\d+)?)? ?(Z|[+-]\d\d(?::?\d\d)?)?)?$`)

// timeOf converts a literal to the model's time format; ok is false if it is not a time.
func timeOf(literal string) (value string, ok bool) {
	m := moment.FindStringSubmatch(strings.TrimSpace(literal))
	if m == nil {
		return "", false
	}
	if m[2] == "" {
		m[2] = "00:00"
	}
	if m[3] == "" {
		m[3] = ":00"
	}
	zone := strings.ReplaceAll(m[4], ":", "")
	switch {
	case zone == "" || zone == "Z":
		zone = "+0000"
	case len(zone) == 3:
		zone += "00"
	}
	t, err := time.Parse("2006-01-02T15:04:05.999999999-0700", m[1]+"T"+m[2]+m[3]+zone)
	if err != nil {
		return "", false
	}
	return t.UTC().Format(time.RFC3339), true
}

var intervalPart = regexp.MustCompile(`^([+-]?\d+(?:\.\d+)?)\s*([a-zA-Z]+)`)

var clockTime = regexp.MustCompile(`^([+-]?)(\d+):(\d\d)(?::(\d\d))?`)

var units = map[string]string{
	"s": "seconds", "sec": "seconds", "second": "seconds", "m": "minutes", "min": "minutes", "minute": "minutes",
	"h": "hours", "hr": "hours", "hour": "hours", "d": "days", "day": "days", "w": "weeks", "week": "weeks", "mon": "months", "month": "months", "y": "years", "yr": "years", "year": "years",
}

// interval is a duration as SQLite's modifiers: numbers of units.
type interval []struct {
	n    float64
	unit string
}

func parseInterval(literal string) (interval, error) {
	var all interval
	add := func(n float64, unit string) {
		all = append(all, struct {
			n    float64
			unit string
		}{n, unit})
	}
	for rest := strings.TrimSpace(literal); rest != ""; rest = strings.TrimSpace(rest) {
		if m := clockTime.FindStringSubmatch(rest); m != nil {
			h, _ := strconv.Atoi(m[2])
			mi, _ := strconv.Atoi(m[3])
			s, _ := strconv.Atoi(m[4])
			n := float64(h*3600 + mi*60 + s)
			if m[1] == "-" {
				n = -n
			}
			add(n, "seconds")
			rest = rest[len(m[0]):]
			continue
		}
		m := intervalPart.FindStringSubmatch(rest)
		if m == nil {
			return nil, unsupported("the interval '%s'", literal)
		}
		n, _ := strconv.ParseFloat(m[1], 64)
		name := strings.ToLower(m[2])
		unit, ok := units[name]
		if !ok {
			unit, ok = units[strings.TrimSuffix(name, "s")]
		}
		if !ok {
			return nil, unsupported("the interval '%s'", literal)
		}
		if unit == "weeks" {
			n, unit = 7*n, "days"
		}
		add(n, unit)
		rest = rest[len(m[0]):]
	}
	if len(all) == 0 {
		return nil, unsupported("an empty interval")
	}
	return all, nil
}

// modifiers returns the modifiers for strftime. A day that a month does not have becomes its last
// day, as in PostgreSQL.
func (i interval) modifiers(sign float64) []string {
	var all []string
	for _, part := range i {
		all = append(all, fmt.Sprintf("'%+g %s'", sign*part.n, part.unit))
		if part.unit == "months" || part.unit == "years" {
			all = append(all, "'floor'")
		}
	}
	return all
}

// truncated translates date_trunc.
func truncated(unit, x string) (string, error) {
	formats := map[string]string{"second": "%Y-%m-%dT%H:%M:%SZ", "minute": "%Y-%m-%dT%H:%M:00Z", "hour": "%Y-%m-%dT%H:00:00Z", "day": "%Y-%m-%dT00:00:00Z", "month": "%Y-%m-01T00:00:00Z", "year": "%Y-01-01T00:00:00Z"}
	unit = strings.ToLower(unit)
	switch f, ok := formats[unit]; {
	case ok:
		return "strftime('" + f + "', " + x + ")", nil
	case unit == "week":
		return "strftime('%Y-%m-%dT00:00:00Z', " + x + ", '-6 days', 'weekday 1')", nil
	case unit == "quarter":
		return "(strftime('%Y-', " + x + ") || substr('010101040404070707101010', strftime('%m', " + x + ") * 2 - 1, 2) || '-01T00:00:00Z')", nil
	}
	return "", unsupported("date_trunc('%s', ...)", unit)
}

// extracted translates extract(field from x).
func extracted(field, x string) (string, error) {
	formats := map[string]string{"year": "%Y", "month": "%m", "day": "%d", "hour": "%H", "minute": "%M", "second": "%S", "dow": "%w", "isodow": "%u", "doy": "%j", "week": "%V", "isoyear": "%G"}
	field = strings.ToLower(field)
	switch f, ok := formats[field]; {
	case ok:
		return "CAST(strftime('" + f + "', " + x + ") AS INTEGER)", nil
	case field == "epoch":
		return "unixepoch(" + x + ")", nil
	case field == "quarter":
		return "((strftime('%m', " + x + ") + 2) / 3)", nil
	}
	return "", unsupported("extract(%s from ...)", field)
}

// patterns are the patterns of to_char, longest first.
var patterns = [][2]string{
	{"HH24", "%H"}, {"HH12", "%I"}, {"YYYY", "%Y"}, {"IYYY", "%G"}, {"DDD", "%j"}, {"MM", "%m"}, {"DD", "%d"}, {"HH", "%I"}, {"MI", "%M"}, {"SS", "%S"}, {"IW", "%V"}, {"AM", "%p"}, {"PM", "%p"},
}

// format converts a format of to_char to one of strftime.
func format(of string) (string, error) {
	var b strings.Builder
next:
	for rest := of; rest != ""; {
		if rest[0] == '"' {
			i := strings.IndexByte(rest[1:], '"')
			if i < 0 {
				return "", unsupported("the format '%s'", of)
			}
			b.WriteString(strings.ReplaceAll(rest[1:1+i], "%", "%%"))
			rest = rest[i+2:]
			continue
		}
		for _, p := range patterns {
			if strings.HasPrefix(strings.ToUpper(rest), p[0]) {
				b.WriteString(p[1])
				rest = rest[len(p[0]):]
				continue next
			}
		}
		if c := rest[0]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return "", unsupported("the format '%s'", of)
		}
		b.WriteByte(rest[0])
		rest = rest[1:]
	}
	return literal(b.String()), nil
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
