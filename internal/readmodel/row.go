package readmodel

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// object is a decoded object. Numbers are json.Number.
type object map[string]any

// decode decodes a stored value; ok is false for a value that is not JSON, such as one that is
// encrypted at rest, which is not in the model.
func decode(value []byte) (o object, ok bool) {
	d := json.NewDecoder(strings.NewReader(string(value)))
	d.UseNumber()
	return o, d.Decode(&o) == nil && o != nil
}

// at returns the value at a path of fields; nil if there is none.
func (o object) at(path ...string) any {
	var v any = map[string]any(o)
	for _, field := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[field]
	}
	return v
}

func asText(v any) any {
	if s, ok := v.(string); ok && s != "" {
		return strings.ReplaceAll(s, "\x00", "�") // SQLite's functions stop at a NUL character
	}
	return nil
}

func text(path ...string) Reading {
	return Reading{OfText, [][]string{path}, func(o object) any { return asText(o.at(path...)) }}
}

// host returns a reading of an address without parts that may be credentials: user information and
// query.
func host(path ...string) Reading {
	return Reading{OfAddress, [][]string{path}, func(o object) any {
		s, _ := o.at(path...).(string)
		u, err := url.Parse(s)
		if err != nil || s == "" {
			return nil
		}
		u.User, u.RawQuery, u.Fragment = nil, "", ""
		return asText(u.String())
	}}
}

// firstText returns a reading of the first string that exists.
func firstText(paths ...[]string) Reading {
	return Reading{OfText, paths, func(o object) any {
		for _, path := range paths {
			if v := asText(o.at(path...)); v != nil {
				return v
			}
		}
		return nil
	}}
}

func integer(path ...string) Reading {
	return Reading{OfInteger, [][]string{path}, func(o object) any {
		if n, ok := o.at(path...).(json.Number); ok {
			if i, err := n.Int64(); err == nil {
				return i
			}
		}
		return nil
	}}
}

func boolean(path ...string) Reading {
	return Reading{OfBoolean, [][]string{path}, func(o object) any {
		if b, _ := o.at(path...).(bool); b {
			return int64(1)
		}
		return int64(0)
	}}
}

// milliseconds returns a reading of a Go duration.
func milliseconds(path ...string) Reading {
	return Reading{OfDuration, [][]string{path}, func(o object) any {
		s, _ := o.at(path...).(string)
		if d, err := time.ParseDuration(s); err == nil {
			return d.Milliseconds()
		}
		return nil
	}}
}

// raw returns a reading of a part of the object as JSON.
func raw(path ...string) Reading {
	return Reading{OfJSON, [][]string{path}, func(o object) any { return asJSON(o.at(path...)) }}
}

func asJSON(v any) any {
	if v == nil {
		return nil
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return string(encoded)
}

// plain returns a reading of a string, or of the JSON of another value.
func plain(path ...string) Reading {
	return Reading{OfTextOrJSON, [][]string{path}, func(o object) any {
		v := o.at(path...)
		if _, ok := v.(string); ok {
			return asText(v)
		}
		return asJSON(v)
	}}
}

func list(o object, path ...string) []any { l, _ := o.at(path...).([]any); return l }

func count(path ...string) Reading {
	return Reading{OfCount, [][]string{path}, func(o object) any { return int64(len(list(o, path...))) }}
}

// nameFields are the fields that may have the name of a reference; the first that exists is used.
var nameFields = []string{"name", "agent", "type"}

// names returns a reading of the names in a list of references, as JSON.
func names(path ...string) Reading {
	return Reading{OfNames, [][]string{path, nameFields}, func(o object) any {
		all := []string{}
		for _, one := range list(o, path...) {
			m, _ := one.(map[string]any)
			for _, field := range nameFields {
				if s, _ := m[field].(string); s != "" {
					all = append(all, s)
					break
				}
			}
		}
		return asJSON(all)
	}}
}

// owner returns a reading of a field of the first owner.
func owner(field string) Reading {
	return Reading{OfText, [][]string{{"metadata", "ownerReferences", "0", field}}, func(o object) any {
		for _, one := range list(o, "metadata", "ownerReferences") {
			if m, ok := one.(map[string]any); ok {
				return asText(m[field])
			}
		}
		return nil
	}}
}

// ready0 returns a reading of the status of the condition that says whether the object can be
// used.
func ready0() Reading { return Reading{OfReady, [][]string{readyTypes}, readiness} }

var readyTypes = []string{"Ready", "Available", "ModelAvailable"}

func readiness(o object) any {
	for _, want := range readyTypes {
		for _, one := range list(o, "status", "conditions") {
			if m, _ := one.(map[string]any); m != nil && m["type"] == want {
				return asText(m["status"])
			}
		}
	}
	return nil
}

// parseKey splits a storage key: /registry/ark.mckinsey.com/agents/NAMESPACE/NAME, without
// NAMESPACE for cluster-scoped kinds.
func parseKey(key string) (resource, namespace, name string, err error) {
	rest, ok := strings.CutPrefix(key, Prefix)
	parts := strings.Split(rest, "/")
	switch {
	case ok && len(parts) == 3:
		return parts[0], parts[1], parts[2], nil
	case ok && len(parts) == 2:
		return parts[0], "", parts[1], nil
	}
	return "", "", "", fmt.Errorf("%q is no key of an Ark object", key)
}

// Prefix is the key prefix of all Ark objects.
const Prefix = "/registry/ark.mckinsey.com/"
