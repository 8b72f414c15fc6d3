package v1alpha1

import (
	"encoding/json"
	"testing"
)

func TestJSONKeepsAnyValue(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"text", `"hello"`, `"hello"`},
		{"empty text", `""`, `""`},
		{"escapes have one form", `"\u003ca\u003e \u00e9"`, `"<a> é"`},
		{"list", ` [ {"role" : "user"} , null ] `, `[{"role":"user"},null]`},
		{"keys are sorted", `{"b":1,"a":{"d":2,"c":3}}`, `{"a":{"c":3,"d":2},"b":1}`},
		{"numbers keep their text", `[0, 1.0, -0, 1e300, 12345678901234567890123]`, `[0,1.0,-0,1e300,12345678901234567890123]`},
		{"null", `null`, `null`},
		{"false", `false`, `false`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var value JSON
			if err := json.Unmarshal([]byte(test.in), &value); err != nil {
				t.Fatal(err)
			}
			if value.Raw != test.want {
				t.Errorf("got %s, want %s", value.Raw, test.want)
			}
		})
	}
}

// An absent input, a null one and an empty one are three different things.
func TestJSONTellsAbsentFromNull(t *testing.T) {
	for _, text := range []string{`{}`, `{"input":null}`, `{"input":""}`} {
		var spec QuerySpec
		if err := json.Unmarshal([]byte(text), &spec); err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != text {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestJSONRefusesBrokenText(t *testing.T) {
	for _, text := range []string{``, `{`, `"x`, `nul`} {
		var value JSON
		if err := value.UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("%q is accepted as %s", text, value.Raw)
		}
	}
}

// The short cut for plain texts changes no result.
func FuzzJSONText(f *testing.F) {
	for _, seed := range []string{"", "hello", "<&>é", "a\u2028b", "\xff", "\uFFFD", `"`, `\`, "\n", "\x7f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted := []byte(`"` + text + `"`)
		var plain string
		if !isPlainText(string(quoted)) {
			return
		}
		if err := json.Unmarshal(quoted, &plain); err != nil || plain != text {
			t.Fatalf("%s is not a plain text: it decodes to %q, %v", quoted, plain, err)
		}
		var value, listed JSON
		if err := value.UnmarshalJSON(quoted); err != nil {
			t.Fatal(err)
		}
		// Inside of a list there is no short cut.
		if err := listed.UnmarshalJSON([]byte("[" + string(quoted) + "]")); err != nil {
			t.Fatal(err)
		}
		if want := listed.Raw[1 : len(listed.Raw)-1]; value.Raw != want {
			t.Errorf("got %s, want %s", value.Raw, want)
		}
	})
}

// The canonical form is a fixed point and survives the encoder, which escapes
// HTML characters.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`"<&>\u2028"`, `{"b":[1.0,{"":null}],"a":-0}`, `[[],{}]`, "\"\xff\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var once, twice JSON
		if json.Unmarshal(text, &once) != nil {
			t.Skip("not JSON")
		}
		encoded, err := json.Marshal(once)
		if err != nil {
			t.Fatalf("encode %s: %v", once.Raw, err)
		}
		if err := json.Unmarshal(encoded, &twice); err != nil {
			t.Fatalf("decode %s: %v", encoded, err)
		}
		if once.Raw != twice.Raw {
			t.Errorf("%s became %s", once.Raw, twice.Raw)
		}
	})
}
