package validation

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// pattern is a regular expression that a text has to match, with what it
// means. The expression is also published in the field's tag.
type pattern struct {
	expression *regexp.Regexp
	// meaning completes the sentence "must be ...".
	meaning string
}

var (
	conditionTypePattern = pattern{
		regexp.MustCompile(`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$`),
		"a name such as Available, optionally with a domain in front, such as example.com/Available",
	}
	conditionReasonPattern = pattern{
		regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`),
		"one CamelCase word such as ModelNotFound",
	}
	temperaturePattern = pattern{
		regexp.MustCompile(`^(0(\.\d+)?|1(\.0+)?)$`),
		`a decimal number from 0 to 1, such as "0.7"`,
	}
	httpURLPattern = pattern{
		regexp.MustCompile(`^https?://.*`),
		"a URL that begins with http:// or https://",
	}
	httpTimeoutPattern = pattern{
		regexp.MustCompile(`^[0-9]+[smh]?$`),
		"a whole number with an optional unit s, m or h, such as 30s",
	}
	durationPattern = pattern{
		regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`),
		"numbers with units ms, s, m or h, such as 1m30s",
	}
	endpointHostPattern = pattern{
		regexp.MustCompile(`^(\*\.)?[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*(:[0-9]{1,5})?$`),
		"a host name, optionally with *. in front and a port behind, such as *.example.com:8443",
	}
)

// check returns an error at path unless value matches.
func (p pattern) check(path *field.Path, value string) field.ErrorList {
	if p.expression.MatchString(value) {
		return nil
	}
	detail := fmt.Sprintf("must be %s (must match %s)", p.meaning, p.expression)
	return field.ErrorList{field.Invalid(path, value, detail)}
}

// checkOptional is check for a field that may be absent.
func (p pattern) checkOptional(path *field.Path, value *string) field.ErrorList {
	if value == nil {
		return nil
	}
	return p.check(path, *value)
}
