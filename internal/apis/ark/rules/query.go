package rules

import (
	"context"
	"encoding/json"
	"fmt"

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
		if text, ok := userText(spec.Input); ok {
			user := v1alpha1.QueryTypeUser
			spec.Type, spec.Input = &user, text
			noteMigration(query, "input-type", "the type 'messages' has become 'user', with the first text of a user as the input: change the manifest to type: user and a text as its input")
		}
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

// userText returns the first text of a user in a list of messages, whose content
// is a text or a list of parts. A plain text is taken as it is.
func userText(input v1alpha1.JSON) (v1alpha1.JSON, bool) {
	if len(input.Raw) > 0 && input.Raw[0] == '"' {
		return input, true
	}
	var messages []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	if json.Unmarshal([]byte(input.Raw), &messages) != nil {
		return v1alpha1.JSON{}, false
	}
	for _, message := range messages {
		if message.Role != "user" {
			continue
		}
		if text, ok := contentText(message.Content); ok {
			var out v1alpha1.JSON
			return out, out.UnmarshalJSON(text) == nil
		}
	}
	return v1alpha1.JSON{}, false
}

func contentText(content json.RawMessage) (json.RawMessage, bool) {
	if len(content) > 0 && content[0] == '"' {
		return content, true
	}
	var parts []struct {
		Type string          `json:"type"`
		Text json.RawMessage `json:"text"`
	}
	if json.Unmarshal(content, &parts) != nil {
		return nil, false
	}
	for _, part := range parts {
		if part.Type == "text" && len(part.Text) > 0 && part.Text[0] == '"' {
			return part.Text, true
		}
	}
	return nil, false
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
