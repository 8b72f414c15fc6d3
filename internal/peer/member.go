package peer

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Member is a replica since it joined.
type Member struct {
	// ID names one start of a process, or the time since it joined again: 16 hexadecimal digits.
	ID string `json:"-"`
	// Address is the host and port at which the others reach it.
	Address string `json:"address"`
	// Key is the SHA-256 of the public key (SubjectPublicKeyInfo) of its certificate, in hexadecimal.
	Key string `json:"key"`
	// Name is what people call it, such as the pod's name.
	Name string `json:"name,omitempty"`
	// Joined is when it joined.
	Joined time.Time `json:"joined"`
}

// prefix is that of the members' keys; the ID follows.
const prefix = "/ark-server/peers/"

var members = mvcc.Span{Key: []byte(prefix), End: []byte(prefix[:len(prefix)-1] + "0")}

func newID() string {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

func (m Member) put(lease mvcc.LeaseID) (*mvcc.Put, error) {
	value, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode a member: %w", err)
	}
	return &mvcc.Put{Key: []byte(prefix + m.ID), Value: value, Lease: lease}, nil
}

// membersOf reads what the store holds, by ID. It leaves out what it cannot read: a later release
// may write other members.
func membersOf(kvs []*mvcc.KeyValue) []Member {
	var all []Member
	for _, kv := range kvs {
		m := Member{}
		if json.Unmarshal(kv.Value, &m) != nil || m.Address == "" || m.Key == "" {
			continue
		}
		m.ID = strings.TrimPrefix(string(kv.Key), prefix)
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return all
}
