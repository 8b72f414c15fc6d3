package named

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Statement is an SQL statement with parameters. It does not change.
type Statement struct {
	// Text has the driver's placeholders.
	Text string

	parameters []string // in the order of the arguments
	// pieces are the text between parameters, which are those of places.
	pieces, places []string
}

// Questions is a statement for a driver whose placeholders are question marks. text has :name for a
// parameter, which may occur more than once; two colons are a cast, and quoted text is left alone.
func Questions(text string) Statement {
	s := parse(text)
	s.parameters = s.places
	s.Text = strings.Join(s.pieces, "?")
	return s
}

// Dollars is a statement for a driver whose placeholders are $1, $2 and so on; text is as for
// Questions.
func Dollars(text string) Statement {
	s := parse(text)
	var b strings.Builder
	for i, name := range s.places {
		at := slices.Index(s.parameters, name)
		if at < 0 {
			at = len(s.parameters)
			s.parameters = append(s.parameters, name)
		}
		b.WriteString(s.pieces[i] + "$" + strconv.Itoa(at+1))
	}
	s.Text = b.String() + s.pieces[len(s.places)]
	return s
}

func parse(text string) (s Statement) {
	begin, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\'':
			quoted = !quoted
		case quoted || text[i] != ':':
		case strings.HasPrefix(text[i:], "::"):
			i++
		default:
			n := nameLength(text[i+1:])
			if n == 0 {
				continue
			}
			s.pieces, s.places = append(s.pieces, text[begin:i]), append(s.places, text[i+1:i+1+n])
			i += n
			begin = i + 1
		}
	}
	s.pieces = append(s.pieces, text[begin:])
	return s
}

func nameLength(text string) int {
	for i, c := range []byte(text) {
		if c != '_' && (c < 'a' || c > 'z') {
			return i
		}
	}
	return len(text)
}

// Argument is the value of a parameter.
type Argument struct {
	name  string
	value any
}

// Arg is the argument for a parameter.
func Arg(name string, value any) Argument { return Argument{name, value} }

// Args returns what the driver takes beside Text. Each parameter needs one argument, and each
// argument a parameter; otherwise the driver refuses what Args returns, with an error that names
// the parameter. Arguments in the order of the parameters are the fastest.
func (s Statement) Args(args ...Argument) []any {
	return s.AppendArgs(make([]any, 0, len(s.parameters)), args...)
}

// AppendArgs appends what Args returns.
func (s Statement) AppendArgs(values []any, args ...Argument) []any {
	for i, name := range s.parameters {
		if i < len(args) && args[i].name == name {
			values = append(values, args[i].value)
		} else {
			values = append(values, find(args, name))
		}
	}
	inOrder := len(args) == len(s.parameters)
	for i := 0; inOrder && i < len(args); i++ {
		inOrder = args[i].name == s.parameters[i]
	}
	if inOrder {
		return values
	}
	for _, a := range args {
		if !slices.Contains(s.parameters, a.name) {
			values = append(values, mistake{fmt.Errorf("the statement has no parameter :%s", a.name)})
		}
	}
	return values
}

func find(args []Argument, name string) any {
	for _, a := range args {
		if a.name == name {
			return a.value
		}
	}
	return mistake{fmt.Errorf("the parameter :%s has no argument", name)}
}

// mistake is an argument that every driver refuses.
type mistake struct{ error }

// Value implements driver.Valuer.
func (m mistake) Value() (driver.Value, error) { return nil, m.error }

// Append appends the statement with literals for its parameters, each written by literal. A
// parameter that has no argument stays in the text as it is, so that no server carries it out.
func (s Statement) Append(buf []byte, literal func([]byte, any) []byte, args ...Argument) []byte {
	for i, name := range s.places {
		buf = append(buf, s.pieces[i]...)
		at := slices.IndexFunc(args, func(a Argument) bool { return a.name == name })
		if at < 0 {
			buf = append(append(buf, ':'), name...)
			continue
		}
		buf = literal(buf, args[at].value)
	}
	return append(buf, s.pieces[len(s.places)]...)
}
