package history

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// The side tables of the archive. A row of the first one has versions of one object from one step
// of the archive; the key ends with the first revision of the step. The other tables are indexes:
// by step, namespace and user with the same revision, and by UID.
const (
	versionTable   = "history_versions"
	stepTable      = "history_steps"
	namespaceTable = "history_namespaces"
	userTable      = "history_users"
	uidTable       = "history_uids"
	stateTable     = "history_archive"
	chainTable     = "history_chain"
)

// maxName is the longest namespace, user or uid that is used in a key unchanged.
const maxName = 200

// prefix returns the common key prefix of a query's versions, as far as the query determines the
// objects.
func prefix(r Resource, namespace, name string) []byte {
	key := r.String() + "\x00"
	if namespace != "" || name != "" {
		key += namespace + "\x00"
	}
	if name != "" {
		key += name + "\x00"
	}
	return []byte(key)
}

func (r Ref) key() []byte { return prefix(r.Resource, r.Namespace, r.Name) }

func (r Ref) versionKey(revision int64) []byte { return withRevision(r.key(), revision) }

func withRevision(key []byte, revision int64) []byte {
	return binary.BigEndian.AppendUint64(bytes.Clone(key), uint64(revision))
}

// refOf parses an object's key.
func refOf(key []byte) (Ref, error) {
	parts := strings.Split(string(key), "\x00")
	if len(parts) != 4 || parts[3] != "" {
		return Ref{}, errDamaged
	}
	resource, group, _ := strings.Cut(parts[0], ".")
	return Ref{Resource{group, resource}, parts[1], parts[2]}, nil
}

// cutRevision splits the revision off a key.
func cutRevision(key []byte) ([]byte, int64, error) {
	n := len(key) - 8
	if n < 0 {
		return nil, 0, errDamaged
	}
	return key[:n], int64(binary.BigEndian.Uint64(key[n:])), nil
}

// ownerKey returns the key prefix of a namespace, user or uid.
func ownerKey(name string) []byte {
	if len(name) > maxName || strings.Contains(name, "\x00") {
		sum := sha256.Sum256([]byte(name))
		name = "\x01" + hex.EncodeToString(sum[:])
	}
	return []byte(name + "\x00")
}
