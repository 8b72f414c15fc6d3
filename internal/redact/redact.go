package redact

import "strings"

// Hidden stands where a secret was.
const Hidden = "REDACTED"

// secrets are the fields of a spec, at any depth, that hold a secret: as text, or as an object's
// value.
var secrets = map[string]bool{
	"apikey": true, "accesskeyid": true, "secretaccesskey": true, "sessiontoken": true,
	"clientsecret": true, "password": true, "token": true,
}

// sources are the fields of a spec, at any depth, whose items each have a value that may be a
// secret: a list of names with values, or a map.
var sources = map[string]bool{"headers": true, "properties": true}

// applied is the annotation in which kubectl apply keeps a copy of the object as text.
const applied = "kubectl.kubernetes.io/last-applied-configuration"

// Object hides the secrets in an object, as decoded from JSON, and reports whether there were any.
func Object(object map[string]any) bool {
	found := false
	if spec, ok := object["spec"].(map[string]any); ok {
		found = fields(spec)
	}
	metadata, _ := object["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	if _, ok := annotations[applied]; ok {
		annotations[applied] = Hidden
		found = true
	}
	return found
}

// fields hides what is below a map.
func fields(of map[string]any) bool {
	found := false
	for name, value := range of {
		switch lower := strings.ToLower(name); {
		case secrets[lower]:
			found = hide(of, name) || found
		case sources[lower]:
			found = items(value) || found
		default:
			found = below(value) || found
		}
	}
	return found
}

// hide hides one field: its text, or the value that it has.
func hide(of map[string]any, name string) bool {
	switch value := of[name].(type) {
	case string:
		of[name] = Hidden
		return value != ""
	case map[string]any:
		found := false
		if _, ok := value["value"].(string); ok {
			found = hide(value, "value")
		}
		return below(value) || found
	}
	return false
}

// items hides the values of a list of names with values, or of a map.
func items(value any) bool {
	found := false
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			if header, ok := item.(map[string]any); ok {
				found = hide(header, "value") || found
			}
		}
	case map[string]any:
		for name := range value {
			found = hide(value, name) || found
		}
	}
	return found
}

// below hides what is somewhere below a value.
func below(value any) bool {
	found := false
	switch value := value.(type) {
	case map[string]any:
		return fields(value)
	case []any:
		for _, item := range value {
			found = below(item) || found
		}
	}
	return found
}
