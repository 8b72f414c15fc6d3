package kubeconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// defaultNamespace is the namespace of a new context. The user may change it.
const defaultNamespace = "default"

// parse reads a kubeconfig. An empty one becomes a document with an empty mapping.
func parse(content []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	document := &yaml.Node{}
	switch err := decoder.Decode(document); {
	case errors.Is(err, io.EOF):
		document = &yaml.Node{Kind: yaml.DocumentNode, HeadComment: string(bytes.TrimSpace(content))}
	case err != nil:
		return nil, fmt.Errorf("it is not YAML: %w", err)
	case decoder.Decode(&yaml.Node{}) != io.EOF: //nolint:errorlint // the decoder returns it bare
		return nil, errors.New("it has more than one YAML document")
	}
	if len(document.Content) == 0 || isNull(document.Content[0]) {
		document.Content = []*yaml.Node{mapping()}
		set(document.Content[0], "apiVersion", "v1")
		set(document.Content[0], "kind", "Config")
	}
	if document.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("it is not a kubeconfig: its content is not a mapping")
	}
	if kind := get(document.Content[0], "kind"); kind != nil && kind.Value != "Config" {
		return nil, fmt.Errorf("it is not a kubeconfig: its kind is %q", kind.Value)
	}
	return document, nil
}

// edit adds the entry to a document, or updates it. The context becomes the current one if it is
// new, if there is no other, or if always is set; switched reports that.
func (e Entry) edit(document *yaml.Node, always bool) (switched bool, err error) {
	root := document.Content[0]
	var lists [3]*yaml.Node
	for i, key := range []string{"clusters", "contexts", "users"} {
		if lists[i], err = list(root, key); err != nil {
			return false, err
		}
	}
	clusters, contexts, users := lists[0], lists[1], lists[2]
	cluster, context, user := find(clusters, e.Name), find(contexts, e.Name), find(users, e.User)
	if err := e.check(cluster, context, user); err != nil {
		return false, err
	}
	isNew := context == nil

	fields, err := entry(clusters, cluster, e.Name, "cluster")
	if err != nil {
		return false, err
	}
	set(fields, "certificate-authority-data", e.caData())
	set(fields, "server", e.Server)
	remove(fields, "certificate-authority")
	remove(fields, "insecure-skip-tls-verify")

	if fields, err = entry(contexts, context, e.Name, "context"); err != nil {
		return false, err
	}
	set(fields, "cluster", e.Name)
	if isNew {
		set(fields, "namespace", defaultNamespace)
	}
	set(fields, "user", e.User)

	if fields, err = entry(users, user, e.User, "user"); err != nil {
		return false, err
	}
	set(fields, "token", e.Token)

	current := get(root, "current-context")
	if always || isNew || current == nil || current.Value == "" {
		switched = current == nil || current.Value != e.Name
		set(root, "current-context", e.Name)
	}
	return switched, nil
}

// check returns a ConflictError if one of the nodes, which may be nil, is not this server's.
func (e Entry) check(cluster, context, user *yaml.Node) error {
	if cluster != nil {
		fields := get(cluster, "cluster")
		server, ca := value(fields, "server"), value(fields, "certificate-authority-data")
		// Whoever had this address before is gone: this server listens there now.
		if ca != e.caData() && server != e.Server {
			return &ConflictError{Kind: "cluster", Name: e.Name, Server: server}
		}
	} else if user != nil {
		return &ConflictError{Kind: "user", Name: e.User}
	}
	if context != nil && value(get(context, "context"), "cluster") != e.Name {
		return &ConflictError{Kind: "context", Name: e.Name}
	}
	return nil
}

// entry returns the fields of a named entry of a list, and adds the entry if it is nil.
func entry(list, named *yaml.Node, name, key string) (*yaml.Node, error) {
	if named == nil {
		named = mapping()
		set(named, "name", name)
		list.Content = append(list.Content, named)
	}
	fields := get(named, key)
	if fields == nil || isNull(fields) {
		fields = mapping()
		// kubectl writes the content before the name.
		remove(named, key)
		named.Content = append([]*yaml.Node{scalar(key), fields}, named.Content...)
	}
	switch {
	case fields.Kind != yaml.MappingNode:
		return nil, fmt.Errorf("it is not a kubeconfig: %s %q is not a mapping", key, name)
	case fields.Anchor != "" || hasAlias(named, key):
		// A change would be one of the other entries too.
		return nil, fmt.Errorf("%s %q shares its content with other entries by a YAML anchor: write it out", key, name)
	}
	return fields, nil
}

// list returns the sequence at a key, and adds it if there is none.
func list(root *yaml.Node, key string) (*yaml.Node, error) {
	at := get(root, key)
	switch {
	case at == nil:
		at = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		root.Content = append(root.Content, scalar(key), at)
	case isNull(at) || at.Kind == yaml.SequenceNode && len(at.Content) == 0:
		// An empty list is written as [], which must not be the style of what is added.
		at.Kind, at.Tag, at.Value, at.Style = yaml.SequenceNode, "!!seq", "", 0
	case at.Kind != yaml.SequenceNode:
		return nil, fmt.Errorf("it is not a kubeconfig: %s is not a list", key)
	}
	return at, nil
}

// find returns the entry of a list that has a name, or nil.
func find(list *yaml.Node, name string) *yaml.Node {
	for _, item := range list.Content {
		if item.Kind == yaml.MappingNode && value(item, "name") == name {
			return item
		}
	}
	return nil
}

// get returns what a mapping has at a key, or nil.
func get(m *yaml.Node, key string) *yaml.Node {
	if m == nil || m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			if at := m.Content[i+1]; at.Kind == yaml.AliasNode {
				return at.Alias
			}
			return m.Content[i+1]
		}
	}
	return nil
}

// hasAlias reports whether a mapping has an alias at a key.
func hasAlias(m *yaml.Node, key string) bool {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1].Kind == yaml.AliasNode
		}
	}
	return false
}

// value returns the scalar that a mapping has at a key, or "".
func value(m *yaml.Node, key string) string {
	if at := get(m, key); at != nil && at.Kind == yaml.ScalarNode {
		return at.Value
	}
	return ""
}

// set gives a key of a mapping a string value and keeps the comments on it.
func set(m *yaml.Node, key, text string) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value != key {
			continue
		}
		if old := m.Content[i+1]; old.Kind != yaml.ScalarNode || old.Value != text || isNull(old) {
			changed := scalar(text)
			changed.HeadComment, changed.LineComment, changed.FootComment = old.HeadComment, old.LineComment, old.FootComment
			m.Content[i+1] = changed
		}
		return
	}
	m.Content = append(m.Content, scalar(key), scalar(text))
}

func remove(m *yaml.Node, key string) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content = append(m.Content[:i], m.Content[i+2:]...)
			return
		}
	}
}

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

// scalar is a string, which the encoder quotes where that is needed.
func scalar(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
