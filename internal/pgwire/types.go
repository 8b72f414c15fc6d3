package pgwire

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// View is a table of the catalog; the types of its columns are text, integer, real, time, boolean
// and json.
type View struct {
	Name    string
	Columns []Column
}

// Column is a column of a view or of an answer.
type Column struct{ Name, Type string }

// Answer is the result of a statement. Values are nil, string, bool, int64, float64 or json.Number.
type Answer struct {
	Columns   []Column
	Rows      [][]any
	Truncated bool
}

// oids are PostgreSQL's identifiers of the types, and sizes the number of bytes of their values.
var (
	oids  = map[string]uint32{typeText: 25, typeInt: 20, typeReal: 701, typeTime: 1184, typeDate: 1082, typeBool: 16, "json": 114}
	sizes = map[string]int16{typeText: -1, typeInt: 8, typeReal: 8, typeTime: 8, typeDate: 4, typeBool: 1, "json": -1}
)

// ofOID returns the type of a parameter that a client declares.
func ofOID(oid uint32) string {
	switch oid {
	case 0:
		return ""
	case 16:
		return typeBool
	case 20, 21, 23, 26:
		return typeInt
	case 700, 701, 1700:
		return typeReal
	case 1114, 1184:
		return typeTime
	case 1082:
		return typeDate
	}
	return typeText
}

var stamped = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)

// complete returns the types of an answer's columns: those that are known, and otherwise those of
// its values. uncertain is true if other parameters may lead to values of other types.
func complete(a *Answer, known []string, uncertain bool) []string {
	types := make([]string, len(a.Columns))
	for i, c := range a.Columns {
		if len(known) == len(types) {
			types[i] = known[i]
		}
		if types[i] == "" && (c.Type == typeTime || c.Type == "json") {
			types[i] = c.Type
		}
		if types[i] == "" {
			types[i] = ofValues(a.Rows, i)
			if uncertain && types[i] == typeInt {
				types[i] = typeReal
			}
		}
		if oids[types[i]] == 0 {
			types[i] = typeText
		}
	}
	return types
}

func ofValues(rows [][]any, i int) string {
	typ := ""
	for _, row := range rows {
		of := ""
		switch v := row[i].(type) {
		case nil:
			continue
		case int64:
			of = typeInt
		case float64:
			of = typeReal
		case bool:
			of = typeBool
		case json.Number:
			of = typeInt
			if _, err := v.Int64(); err != nil {
				of = typeReal
			}
		case string:
			of = typeText
			if stamped.MatchString(v) {
				of = typeTime
			}
		}
		switch {
		case typ == "" || typ == of:
			typ = of
		case typ == typeInt && of == typeReal || typ == typeReal && of == typeInt:
			typ = typeReal
		default:
			return typeText
		}
	}
	return typ
}

// epoch is the zero point of PostgreSQL's timestamps.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// encode encodes a value for the client; nil is NULL.
func encode(value any, typ string, binaryFormat bool) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	plain := plainText(value)
	switch typ {
	case typeInt:
		n, err := integerOf(value)
		if err != nil {
			return nil, err
		}
		if binaryFormat {
			return binary.BigEndian.AppendUint64(nil, uint64(n)), nil
		}
		return strconv.AppendInt(nil, n, 10), nil
	case typeReal:
		f, err := strconv.ParseFloat(plain, 64)
		if err != nil {
			return nil, &Fault{codeInternal, fmt.Sprintf("%q is no number", plain)}
		}
		if binaryFormat {
			return binary.BigEndian.AppendUint64(nil, math.Float64bits(f)), nil
		}
		return strconv.AppendFloat(nil, f, 'g', -1, 64), nil
	case typeBool:
		yes := plain == "1" || plain == "true" || plain == "1.0"
		switch {
		case binaryFormat && yes:
			return []byte{1}, nil
		case binaryFormat:
			return []byte{0}, nil
		case yes:
			return []byte("t"), nil
		}
		return []byte("f"), nil
	case typeTime:
		at, err := time.Parse(time.RFC3339Nano, plain)
		if err != nil {
			return nil, nil //nolint:nilerr // an object's own text that is no time has none
		}
		if binaryFormat {
			return binary.BigEndian.AppendUint64(nil, uint64(at.Sub(epoch).Microseconds())), nil
		}
		return at.UTC().AppendFormat(nil, "2006-01-02 15:04:05.999999+00"), nil
	case typeDate:
		at, err := time.Parse(time.DateOnly, plain[:min(10, len(plain))])
		if err != nil {
			return nil, nil //nolint:nilerr // as above
		}
		if binaryFormat {
			return binary.BigEndian.AppendUint32(nil, uint32(int32(at.Sub(epoch)/(24*time.Hour)))), nil
		}
		return at.AppendFormat(nil, time.DateOnly), nil
	}
	return []byte(plain), nil
}

func integerOf(value any) (int64, error) {
	switch v := value.(type) {
	case int64:
		return v, nil
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	}
	f, err := strconv.ParseFloat(plainText(value), 64)
	if n, exact := strconv.ParseInt(plainText(value), 10, 64); exact == nil {
		return n, nil
	}
	if err != nil || math.Abs(f) > 1<<62 {
		return 0, &Fault{codeInternal, fmt.Sprintf("%q is no integer", plainText(value))}
	}
	return int64(math.Round(f)), nil
}

func plainText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(value)
}

// decode decodes a client's parameter for a statement.
func decode(raw []byte, typ string, binaryFormat bool) (any, error) {
	if raw == nil {
		return nil, nil
	}
	bad := func() (any, error) {
		return nil, &Fault{codeBadParameter, "a parameter is no " + typ}
	}
	if binaryFormat {
		switch {
		case typ == typeInt && len(raw) == 8:
			return int64(binary.BigEndian.Uint64(raw)), nil
		case typ == typeInt && len(raw) == 4:
			return int64(int32(binary.BigEndian.Uint32(raw))), nil
		case typ == typeInt && len(raw) == 2:
			return int64(int16(binary.BigEndian.Uint16(raw))), nil
		case typ == typeReal && len(raw) == 8:
			return math.Float64frombits(binary.BigEndian.Uint64(raw)), nil
		case typ == typeReal && len(raw) == 4:
			return float64(math.Float32frombits(binary.BigEndian.Uint32(raw))), nil
		case typ == typeBool && len(raw) == 1:
			return int64(raw[0]), nil
		case typ == typeTime && len(raw) == 8:
			return epoch.Add(time.Duration(int64(binary.BigEndian.Uint64(raw))) * time.Microsecond).Format(time.RFC3339), nil
		case typ == typeDate && len(raw) == 4:
			return epoch.AddDate(0, 0, int(int32(binary.BigEndian.Uint32(raw)))).Format(time.DateOnly), nil
		case typ != typeText && typ != "":
			return bad()
		}
	}
	s := string(raw)
	switch typ {
	case typeInt:
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil {
			return bad()
		}
		return n, nil
	case typeReal:
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil {
			return bad()
		}
		return f, nil
	case typeBool:
		switch strings.ToLower(s) {
		case "t", "true", "1", "on", "yes":
			return int64(1), nil
		case "f", "false", "0", "off", "no":
			return int64(0), nil
		}
		return bad()
	case typeTime, typeDate:
		value, ok := timeOf(s)
		if !ok {
			return bad()
		}
		if typ == typeDate {
			value = value[:10]
		}
		return value, nil
	}
	return s, nil
}
