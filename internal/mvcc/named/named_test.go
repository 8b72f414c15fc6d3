package named

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestParameters(t *testing.T) {
	text := "SELECT a::bigint, ':no', 'it''s :no' FROM t WHERE x = :first AND y = :second_one::text AND z > :first"
	for _, tc := range []struct {
		statement Statement
		text      string
		args      []any
	}{
		{Questions(text), "SELECT a::bigint, ':no', 'it''s :no' FROM t WHERE x = ? AND y = ?::text AND z > ?", []any{1, "two", 1}},
		{Dollars(text), "SELECT a::bigint, ':no', 'it''s :no' FROM t WHERE x = $1 AND y = $2::text AND z > $1", []any{1, "two"}},
		{Questions("COMMIT"), "COMMIT", []any{}},
	} {
		if tc.statement.Text != tc.text {
			t.Errorf("text %q, want %q", tc.statement.Text, tc.text)
		}
		given := []Argument{Arg("first", 1), Arg("second_one", "two")}
		if len(tc.args) == 0 {
			given = nil
		}
		for range 2 {
			if got := tc.statement.Args(given...); !slices.Equal(got, tc.args) {
				t.Errorf("%q: %v, want %v", tc.text, got, tc.args)
			}
			slices.Reverse(given)
		}
	}
}

// A wrong list of arguments reaches no server.
func TestMistakes(t *testing.T) {
	s := Dollars("UPDATE t SET a = :a WHERE b = :b")
	for want, args := range map[string][]Argument{
		"the parameter :b has no argument":  {Arg("a", 1)},
		"the statement has no parameter :c": {Arg("a", 1), Arg("b", 2), Arg("c", 3)},
		"the parameter :a has no argument":  {Arg("c", 1), Arg("b", 2)},
	} {
		var errs []string
		for _, v := range s.Args(args...) {
			if m, ok := v.(driver.Valuer); ok {
				_, err := m.Value()
				errs = append(errs, fmt.Sprint(err))
			}
		}
		if !slices.Contains(errs, want) {
			t.Errorf("%q, want %q among them", errs, want)
		}
	}
}

func TestLiterals(t *testing.T) {
	s := Questions("SELECT :a, ':a' WHERE :b = :a")
	number := func(buf []byte, v any) []byte { return strconv.AppendInt(buf, int64(v.(int)), 10) }
	if got, want := string(s.Append([]byte("> "), number, Arg("b", 2), Arg("a", 1))), "> SELECT 1, ':a' WHERE 2 = 1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := string(s.Append(nil, number, Arg("a", 1))); !strings.Contains(got, ":b = 1") {
		t.Errorf("%q: a parameter without an argument has gone from it", got)
	}
}

func TestColumns(t *testing.T) {
	var a, b int64
	var text string
	list := Columns{Of("l", "a", &a), Col("now()", &text), Of("", "b", &b)}
	if got, want := list.String(), "l.a, now(), b"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := list.Into(), []any{&a, &text, &b}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := list.OrZero().Without(&b).String(), "coalesce(l.a, 0), now()"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
