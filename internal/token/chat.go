package token

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Chat bounds a token: it is a key for OpenAI's API and opens nothing else.
type Chat struct {
	// Namespace is the one that the key is for.
	Namespace string `json:"namespace"`
	// Targets are the models' ids, such as agent/NAME, that the key may ask; empty for all that its user may ask.
	Targets []string `json:"targets,omitempty"`
}

// Extras of the user whose token is a key for chat.
const (
	// ExtraNamespace has the key's namespace: every such user has it, and no other.
	ExtraNamespace = "chat.ark.mckinsey.com/namespace"
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
