package rules

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

const (
	// queryTTL is how long queries are kept if neither they nor the ArkConfig say.
	queryTTL v1alpha1.Duration = "720h"
	// configName is the name of the one ArkConfig that counts.
	configName = "default"
	// legacyMessages is the query type of old manifests whose input is a list of
	// messages. The schema no longer has it.
	legacyMessages v1alpha1.QueryType = "messages"
)

// targetResources are the plurals of what queries can ask and teams consist of.
var targetResources = map[string]string{"agent": "agents", "team": "teams", "model": "models", "tool": "tools"}

// DefaultQuery migrates the type messages and fills in what the ArkConfig named
// default says. A configuration that cannot be read counts as none.
func DefaultQuery(ctx context.Context, env Env, query *v1alpha1.Query, create bool) {
	spec := &query.Spec
	if spec.Type != nil && *spec.Type == legacyMessages {
		user, note := v1alpha1.QueryTypeUser, "the last text of a user is now the input"
		text, found := lastUserText(spec.Input)
		if !found {
			note = "there is no text of a user in the messages, so the input is now empty"
		}
		spec.Type, spec.Input = &user, text
		noteMigration(query, "input-type", fmt.Sprintf(
			"the type 'messages' is deprecated and has become 'user': %s; change the manifest to type: user and a text as its input", note))
	}
	if spec.TTL != nil && (spec.Memory != nil || !create) {
		return
	}
	config := queryConfig(ctx, env)
	if spec.TTL == nil {
		ttl := queryTTL
		if config.QueryTTL != nil {
			ttl = *config.QueryTTL
		}
		spec.TTL = &ttl
	}
	if create && spec.Memory == nil && config.DefaultMemory != nil && config.DefaultMemory.Name != "" {
		obj, err := env.Objects.Ark(ctx, "memories", query.Namespace, config.DefaultMemory.Name)
		if memory, ok := obj.(*v1alpha1.Memory); err == nil && ok && memory.Status != nil && !empty(memory.Status.LastResolvedAddress) {
			spec.Memory = &v1alpha1.ResourceReference{Name: config.DefaultMemory.Name}
		}
	}
}

func queryConfig(ctx context.Context, env Env) v1alpha1.ArkConfigSpec {
	obj, err := env.Objects.Ark(ctx, "arkconfigs", "", configName)
	if config, ok := obj.(*v1alpha1.ArkConfig); err == nil && ok {
		return config.Spec
	}
	return v1alpha1.ArkConfigSpec{}
}

// lastUserText returns the last text of a user in a list of messages, whose
// content is a text or a list of parts. Without one, or if the input is no list,
// it returns an empty text and false.
func lastUserText(input v1alpha1.JSON) (v1alpha1.JSON, bool) {
	var messages []json.RawMessage
	if json.Unmarshal([]byte(input.Raw), &messages) == nil {
		for _, message := range slices.Backward(messages) {
			if text := messageText(message); text != "" {
				return jsonText(text), true
			}
		}
	}
	return jsonText(""), false
}

// messageText returns the text of a user's message, or "".
func messageText(raw json.RawMessage) string {
	var message struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	if json.Unmarshal(raw, &message) != nil || message.Role != "user" {
		return ""
	}
	var text string
	if json.Unmarshal(message.Content, &text) == nil {
		return text
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(message.Content, &parts) != nil {
		return ""
	}
	for _, part := range parts {
		if part.Type == "text" && part.Text != "" {
			return part.Text
		}
	}
	return ""
}

func jsonText(text string) v1alpha1.JSON {
	encoded, err := json.Marshal(text)
	var out v1alpha1.JSON
	if err == nil {
		err = out.UnmarshalJSON(encoded)
	}
	if err != nil {
		return v1alpha1.JSON{} // never: every Go string has a JSON form
	}
	return out
}

// CheckQuery checks that there is somebody to ask, who exists, and the
// parameters and overrides. Selectors are resolved when the query runs.
func CheckQuery(ctx context.Context, env Env, query *v1alpha1.Query) field.ErrorList {
	s, path := scope{env, query.Namespace}, field.NewPath("spec")
	var errs field.ErrorList
	if target := query.Spec.Target; target != nil {
		errs = s.queryTarget(ctx, path.Child("target"), target)
	} else if query.Spec.Selector == nil {
		errs = field.ErrorList{field.Required(path.Child("target"), "target or selector must be specified")}
	}
	errs = append(errs, s.parameters(ctx, path.Child("parameters"), query.Spec.Parameters)...)
	return append(errs, checkOverrides(path.Child("overrides"), query.Spec.Overrides)...)
}

func (s scope) queryTarget(ctx context.Context, path *field.Path, target *v1alpha1.QueryTarget) field.ErrorList {
	resource, known := targetResources[string(target.Type)]
	if !known || target.Name == "" {
		return nil // the schema's to refuse
	}
	return s.exists(ctx, path.Child("name"), resource, target.Name,
		fmt.Sprintf("target references %s '%s' does not exist in namespace '%s': create it first", target.Type, target.Name, s.namespace))
}
