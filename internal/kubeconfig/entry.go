package kubeconfig

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Entry is a server and one of its users.
type Entry struct {
	// Name is that of the cluster and of the context.
	Name string
	// User is the name of the user's entry. It is unique in the file, so it must contain Name.
	User string
	// Server is the URL.
	Server string
	// CA is the PEM of the authority that signs the server's certificate. It identifies the server.
	CA []byte
	// Token is the user's bearer token.
	Token string
}

// YAML returns a kubeconfig that holds the entry alone.
func (e Entry) YAML() ([]byte, error) {
	document, err := parse(nil)
	if err != nil {
		return nil, err
	}
	if _, err := e.edit(document, true); err != nil {
		return nil, err
	}
	return encode(document)
}

func (e Entry) caData() string { return base64.StdEncoding.EncodeToString(e.CA) }

// ConflictError reports that a file has an entry of the same name for something else.
type ConflictError struct {
	// Kind is cluster, user or context; Name is its name.
	Kind, Name string
	// Server is the URL in the cluster's entry; empty for other kinds.
	Server string
}

func (e *ConflictError) Error() string {
	of := "for something else"
	if e.Server != "" {
		of = "of another server (" + e.Server + ")"
	}
	return fmt.Sprintf("it has a %s %q %s", e.Kind, e.Name, of)
}

// encode writes a document with the indentation that kubectl uses.
func encode(document *yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("encode the kubeconfig: %w", err)
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("encode the kubeconfig: %w", err)
	}
	return out.Bytes(), nil
}
