package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
)

// Token describes a token; it does not hold its text.
type Token struct {
	// ID names it, in 16 hexadecimal digits.
	ID     string   `json:"id"`
	User   string   `json:"user"`
	Groups []string `json:"groups,omitempty"`
	// Created and Expires are in whole seconds, UTC. A token without Expires is good until it is
	// revoked.
	Created time.Time  `json:"created"`
	Expires *time.Time `json:"expires,omitempty"`
	// Chat is nil for a token that opens all that its user may do.
	Chat *Chat `json:"chat,omitempty"`
}

// Expired reports whether the token is not good any more.
func (t *Token) Expired(now time.Time) bool { return t.Expires != nil && !now.Before(*t.Expires) }

const (
	// Prefix begins the text of every token, by which scanners of source code and logs find it; but
	// that of a key for chat begins with ChatPrefix, as keys of OpenAI do.
	Prefix     = "ark_"
	ChatPrefix = "sk-ark-"
	// randomBytes of randomness make a token.
	randomBytes = 32
	// idBytes of a token's hash are its ID.
	idBytes = 8
	// maxNameBytes bounds a user's name, and a group's; maxGroups their number.
	maxNameBytes = 256
	maxGroups    = 100
)

// hash is what is stored of a token's random bytes.
type hash [sha256.Size]byte

func (h hash) id() string { return hex.EncodeToString(h[:idBytes]) }

// hashText is the hash of random bytes below a prefix. A key for chat is hashed with its prefix:
// with another one, and by replicas of a release that knows no such keys, it is no token.
func hashText(prefix string, random []byte) hash {
	if prefix == ChatPrefix {
		return sha256.Sum256(append([]byte(prefix), random...))
	}
	return sha256.Sum256(random)
}

// newText returns the text of a new token, and its hash.
func newText(prefix string) (string, hash) {
	random := make([]byte, randomBytes)
	_, _ = rand.Read(random) // it never fails
	return prefix + base64.RawURLEncoding.EncodeToString(random), hashText(prefix, random)
}

// hashOf returns the hash of a token's text. ok is false for a text that is none.
func hashOf(text string) (_ hash, ok bool) {
	for _, prefix := range []string{Prefix, ChatPrefix} {
		encoded, found := strings.CutPrefix(text, prefix)
		if !found {
			continue
		}
		random, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
		if err != nil || len(random) != randomBytes {
			return hash{}, false
		}
		return hashText(prefix, random), true
	}
	return hash{}, false
}

// InvalidError says what of a request for a token is not accepted.
type InvalidError struct{ What string }

func (e *InvalidError) Error() string { return e.What }

// Request is what a token is asked for.
type Request struct {
	User   string   `json:"user"`
	Groups []string `json:"groups,omitempty"`
	// TTLSeconds is how long the token is good; 0 for until it is revoked.
	TTLSeconds int64 `json:"ttlSeconds"`
	// Chat asks for a key for chat; nil for a token that opens all that the user may do.
	Chat *Chat `json:"chat,omitempty"`
}

// maxTTL is 100 years.
const maxTTL = 100 * 365 * 24 * time.Hour

// Validate returns an InvalidError, or nil.
func (r *Request) Validate() error {
	if err := checkName("user", r.User); err != nil {
		return err
	}
	if r.User == user.Anonymous {
		return &InvalidError{fmt.Sprintf("the user %q is for requests without credentials: choose another name", r.User)}
	}
	if strings.HasPrefix(r.User, serviceaccount.ServiceAccountUsernamePrefix) {
		return &InvalidError{fmt.Sprintf("%q is a service account: it gets its tokens by kubectl create token", r.User)}
	}
	if len(r.Groups) > maxGroups {
		return &InvalidError{fmt.Sprintf("there are %d groups, the limit is %d", len(r.Groups), maxGroups)}
	}
	for _, g := range r.Groups {
		if err := checkName("group", g); err != nil {
			return err
		}
		if g == user.AllUnauthenticated {
			return &InvalidError{fmt.Sprintf("the group %q is for requests without credentials: leave it out", g)}
		}
	}
	if r.TTLSeconds < 0 || r.TTLSeconds > int64(maxTTL/time.Second) {
		return &InvalidError{"the token's life is negative, or more than 100 years: use 24h, or 0 for a token that is good until it is revoked"}
	}
	if r.Chat != nil {
		return r.Chat.validate()
	}
	return nil
}

func checkName(what, name string) error {
	switch {
	case name == "":
		return &InvalidError{fmt.Sprintf("the %s has no name", what)}
	case len(name) > maxNameBytes:
		return &InvalidError{fmt.Sprintf("the name of the %s has %d bytes, the limit is %d", what, len(name), maxNameBytes)}
	case strings.ContainsFunc(name, unicode.IsControl), strings.TrimSpace(name) != name:
		return &InvalidError{fmt.Sprintf("the name %q of the %s has control characters, or spaces around it", name, what)}
	}
	return nil
}

// decode reads a row of the side table.
func decode(key, data []byte) (hash, *Token, error) {
	var h hash
	if len(key) != len(h) {
		return h, nil, errors.New("a token in the database is damaged: its key is no hash")
	}
	copy(h[:], key)
	t := &Token{}
	if err := json.Unmarshal(data, t); err != nil {
		return h, nil, fmt.Errorf("token %s in the database is damaged: %w", h.id(), err)
	}
	t.ID = h.id()
	return h, t, nil
}
