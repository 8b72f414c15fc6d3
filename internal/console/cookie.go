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
	// cookiePrefix is the prefix of the names of all console cookies. Browsers accept a name with
	// __Host- only from the host itself, over TLS, for all paths.
	cookiePrefix = "__Host-ark-console-"
	// pieceBytes is the most bytes of a session in one cookie: browsers accept 4096 bytes including
	// the name. maxPieces bounds the cookies of a session.
	pieceBytes = 3800
	maxPieces  = 4
	// sessionTime is the longest lifetime of a session. Its token may end it earlier.
	sessionTime = 12 * time.Hour
	// sealContext is authenticated with the sealed data, and part of the key.
	sealContext = "ark-server console session 1"
)

// session is the content of a cookie.
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

// key is a key with which sessions are sealed. Its name is part of the cookies' names, so that
// several servers on one host, which receive each other's cookies, recognize their own.
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

// errTooLong reports that a token does not fit into cookies.
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

// open returns the session in the cookies of a request; nil if there is none, or if it is not
// sealed with the key.
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

// takeCookies removes the console cookies from a request, and returns those whose name occurs only
// once.
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
