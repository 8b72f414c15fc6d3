package transfer

import (
	"encoding/json"
	"fmt"
)

// record says which object of a source an object here is: the one that it was imported from, or
// that an export made of it. It lies beside the objects, where the API server does not look.
type record struct {
	// Source is Source.ID.
	Source string `json:"source"`
	// UID and ResourceVersion are those of the object in the source. An export leaves the second
	// empty.
	UID             string `json:"uid,omitempty"`
	ResourceVersion string `json:"resourceVersion,omitempty"`
	// Written is the resourceVersion that an export left an object of the core group with in the
	// target.
	Written string `json:"written,omitempty"`
}

// knows reports whether the record is of an object as it is in a target now. A nil record knows
// nothing.
func (r *record) knows(target string, has halves) bool {
	if r == nil || r.Source != target || r.UID != has.uid {
		return false
	}
	return has.version == r.Written || r.Written == "" && has.version == r.ResourceVersion
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
