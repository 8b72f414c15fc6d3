package execution

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestCheckSchema(t *testing.T) {
	const city = `{"type":"object","properties":{"city":{"type":"string","minLength":2},"days":{"$ref":"#/$defs/days"}},"required":["city"],"additionalProperties":false,"$defs":{"days":{"type":"integer","minimum":1}}}`
	var wide strings.Builder // each part refers twice to the next
	for i := range 40 {
		fmt.Fprintf(&wide, `"d%d":{"anyOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	for _, c := range []struct{ name, schema, answer, want string }{
		{"valid", city, `{"city":"Oslo","days":2}`, "valid"},
		{"another draft", `{"$schema":"http://json-schema.org/draft-04/schema#","type":"string"}`, `"x"`, "valid"},
		{"no schema", "", `x`, "none"},
		{"no JSON", city, `Oslo`, "no JSON"},
		{"missing", city, `{}`, "city"},
		{"too short", city, `{"city":"O"}`, "minLength"},
		{"by reference", city, `{"city":"Oslo","days":0}`, "minimum"},
		{"more than allowed", city, `{"city":"Oslo","x":1}`, "additional"},
		{"itself", `{"$ref":"#"}`, `{}`, "unknown: the schema cannot be used to check the answer: # refers to itself"},
		{"a circle", `{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"allOf":[{"$ref":"#/$defs/a"}]}}}`, `{}`, "refers to itself"},
		{"elsewhere", `{"$ref":"https://example.com/x"}`, `{}`, "unknown: the schema cannot be used to check the answer: it refers to https://example.com/x"},
		{"nowhere", `{"$ref":"#/$defs/x"}`, `{}`, "which is not in it"},
		{"dynamic", `{"$dynamicRef":"#x"}`, `{}`, "it uses $dynamicRef"},
		{"wide", `{"$ref":"#/$defs/d0","$defs":{` + wide.String() + `"d40":{"type":"string"}}}`, `1`, "more than 10000 parts"},
		{"bad pattern", `{"type":"string","pattern":"("}`, `"x"`, "unknown: "},
		{"no object", `[]`, `{}`, "it is no JSON object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var schema json.RawMessage
			if c.schema != "" {
				schema = json.RawMessage(c.schema)
			}
			got := "none"
			if v := checkSchema(schema, c.answer); v != nil {
				got = v.Why
				if v.Valid {
					got = "valid"
				}
				if v.Unknown {
					got = "unknown: " + v.Why
				}
			}
			if !strings.Contains(got, c.want) || c.want == "valid" && got != "valid" {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
