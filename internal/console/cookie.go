package console

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// cookiePrefix begins the names of all cookies of consoles. Browsers take a name with __Host- only
	// from the host itself, over TLS, for all paths.
	cookiePrefix = "__Host-ark-console-"
	// pieceBytes is how much of a session a cookie holds: browsers take 4096 bytes with the name.
	// maxPieces bounds the cookies of a session.
	pieceBytes = 3800
	maxPieces  = 4
	// sessionTime is how long a session lasts at most. Its token may end it earlier.
	sessionTime = 12 * time.Hour
	// sealContext is authenticated with what is sealed, and part of the key.
	sealContext = "ark-server console session 1"
)

// session is what a cookie holds.
type session struct {
	ID    string    `json:"id"`
	Token string    `json:"token"`
	Proof string    `json:"proof"`
	Until time.Time `json:"until"`
}

// proves reports whether a header is the session's proof.
func (s *session) proves(header string) bool {
	return subtle.ConstantTimeCompare([]byte(header), []byte(s.Proof)) == 1
}

func newSession(token string, now time.Time) *session {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // it never fails
	return &session{
		ID: hex.EncodeToString(random[:16]), Proof: hex.EncodeToString(random[16:]),
		Token: token, Until: now.Add(sessionTime).UTC().Truncate(time.Second),
	}
}

// key is one with which sessions are sealed. Its name is in those of cookies, so that several
// servers on one host, whose browsers send all cookies to each of them, know their own.
type key struct {
	name string
	aead cipher.AEAD
}

func newKey(secret []byte) (key, error) {
	derived, err := hkdf.Key(sha256.New, secret, nil, sealContext, 32+4)
	if err != nil {
		return key{}, fmt.Errorf("derive the key of sessions: %w", err)
	}
	block, err := aes.NewCipher(derived[:32])
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCM(block)
	return key{cookiePrefix + hex.EncodeToString(derived[32:]), aead}, err
}

// errTooLong says that a token does not fit into cookies.
var errTooLong = errors.New("the token is too long for a session")

// seal returns the cookies of a session.
func (k key) seal(s *session) ([]*http.Cookie, error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, k.aead.NonceSize())
	_, _ = rand.Read(nonce) // it never fails
	text := base64.RawURLEncoding.EncodeToString(k.aead.Seal(nonce, nonce, plain, []byte(sealContext)))
	var cookies []*http.Cookie
	for piece := 0; text != ""; piece++ {
		if piece == maxPieces {
			return nil, errTooLong
		}
		part := text[:min(len(text), pieceBytes)]
		text = text[len(part):]
		cookies = append(cookies, cookie(pieceName(k.name, piece), part))
	}
	return cookies, nil
}

func pieceName(name string, piece int) string {
	if piece == 0 {
		return name
	}
	return name + "-" + strconv.Itoa(piece)
}

func cookie(name, value string) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
}

// open returns the session in the cookies of a request; nil where they have none, or one that is
// not sealed with the key.
func (k key) open(cookies map[string]string) *session {
	var text strings.Builder
	for piece := range maxPieces {
		part, ok := cookies[pieceName(k.name, piece)]
		if !ok {
			break
		}
		text.WriteString(part)
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text.String())
	if err != nil || len(sealed) < k.aead.NonceSize() {
		return nil
	}
	plain, err := k.aead.Open(nil, sealed[:k.aead.NonceSize()], sealed[k.aead.NonceSize():], []byte(sealContext))
	if err != nil {
		return nil
	}
	s := &session{}
	if json.Unmarshal(plain, s) != nil {
		return nil
	}
	return s
}

// takeCookies removes the cookies of consoles from a request, and returns those of them that are
// the only ones with their name.
func takeCookies(r *http.Request) map[string]string {
	all := r.Cookies()
	found, doubled := map[string]string{}, map[string]bool{}
	var kept []string
	for _, c := range all {
		if !strings.HasPrefix(c.Name, cookiePrefix) {
			kept = append(kept, (&http.Cookie{Name: c.Name, Value: c.Value, Quoted: c.Quoted}).String())
			continue
		}
		_, known := found[c.Name]
		doubled[c.Name] = doubled[c.Name] || known
		found[c.Name] = c.Value
	}
	for name, twice := range doubled {
		if twice {
			delete(found, name)
		}
	}
	if len(kept) < len(all) {
		r.Header.Del("Cookie")
		if len(kept) > 0 {
			r.Header.Set("Cookie", strings.Join(kept, "; "))
		}
	}
	return found
}
