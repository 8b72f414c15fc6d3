package token

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Chat bounds a token: it is a key for OpenAI's API and opens nothing else.
type Chat struct {
	// Namespace is the one that the key is for.
	Namespace string `json:"namespace"`
	// Targets are the models' ids, such as agent/NAME, that the key may ask; empty for all that its
	// user may ask.
	Targets []string `json:"targets,omitempty"`
	// Limits bound what is asked with the key.
	Limits Limits `json:"limits,omitzero"`
}

// Limits are those of a key; 0 is none.
type Limits struct {
	RequestsPerMinute int64 `json:"requestsPerMinute,omitempty"`
	TokensPerMinute   int64 `json:"tokensPerMinute,omitempty"`
	// TokensPerDay is for a day in UTC.
	TokensPerDay int64 `json:"tokensPerDay,omitempty"`
}

// limitNames are the names of limits in ExtraLimit.
var limitNames = []struct {
	name string
	of   func(*Limits) *int64
}{
	{"requests-per-minute", func(l *Limits) *int64 { return &l.RequestsPerMinute }},
	{"tokens-per-minute", func(l *Limits) *int64 { return &l.TokensPerMinute }},
	{"tokens-per-day", func(l *Limits) *int64 { return &l.TokensPerDay }},
}

// Texts are the limits as NAME=NUMBER.
func (l Limits) Texts() []string {
	var out []string
	for _, n := range limitNames {
		if v := *n.of(&l); v > 0 {
			out = append(out, n.name+"="+strconv.FormatInt(v, 10))
		}
	}
	return out
}

// LimitsOf reads what Texts has written.
func LimitsOf(texts []string) (Limits, error) {
	var l Limits
	for _, text := range texts {
		name, value, _ := strings.Cut(text, "=")
		for _, n := range limitNames {
			if n.name != name {
				continue
			}
			v, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return l, fmt.Errorf("read the limit %q of a key: %w", text, err)
			}
			*n.of(&l) = v
		}
	}
	return l, nil
}

// Extras of the user whose token is a key for chat.
const (
	// ExtraNamespace has the key's namespace: every such user has it, and no other.
	ExtraNamespace = "chat.ark.mckinsey.com/namespace"
	// ExtraLimit has its limits, as Limits.Texts writes them.
	ExtraLimit = "chat.ark.mckinsey.com/limit"
	// ExtraTarget has the ids that it may ask.
	ExtraTarget = "chat.ark.mckinsey.com/target"
)

// maxTargets bounds the targets of a key.
const maxTargets = 100

// targetKinds are what an id begins with.
var targetKinds = []string{"agent", "team", "model", "tool"}

func (c *Chat) validate() error {
	if wrong := validation.IsDNS1123Label(c.Namespace); len(wrong) > 0 {
		return &InvalidError{fmt.Sprintf("the namespace %q of the key: %s", c.Namespace, wrong[0])}
	}
	for _, n := range limitNames {
		if v := *n.of(&c.Limits); v < 0 {
			return &InvalidError{fmt.Sprintf("the limit %s is %d: use a number greater than 0, or leave it out", n.name, v)}
		}
	}
	if len(c.Targets) > maxTargets {
		return &InvalidError{fmt.Sprintf("there are %d targets, the limit is %d", len(c.Targets), maxTargets)}
	}
	for _, target := range c.Targets {
		kind, name, _ := strings.Cut(target, "/")
		known := false
		for _, k := range targetKinds {
			known = known || k == kind
		}
		if !known || len(validation.IsDNS1123Subdomain(name)) > 0 {
			return &InvalidError{fmt.Sprintf("the target %q is not known: use agent/NAME, team/NAME, model/NAME or tool/NAME", target)}
		}
	}
	return nil
}
