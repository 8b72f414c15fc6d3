package transfer

import (
	"encoding/json"
	"fmt"
)

// record says where an object was imported from. It lies beside the objects, where the API server does not look,
// and was written in the same transaction as the object.
type record struct {
	// Source is Source.ID.
	Source string `json:"source"`
	// UID and ResourceVersion are those of the object in the source.
	UID             string `json:"uid,omitempty"`
	ResourceVersion string `json:"resourceVersion,omitempty"`
}

func (r record) encode() (string, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("encode a record: %w", err)
	}
	return string(text), nil
}

func decodeRecord(text []byte) (record, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("read a record of an earlier import: %w", err)
	}
	return r, nil
}
