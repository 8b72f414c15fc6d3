package sharedkeys

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

const (
	version = 1
	// iterations of PBKDF2, as is recommended for SHA-256: a third of a second. maxIterations bounds
	// what a value asks for.
	iterations    = 600_000
	maxIterations = 10 * iterations
	saltBytes     = 16
	keyBytes      = 32
	// minPassphrase is the least length of a passphrase, in bytes.
	minPassphrase = 16
)

// sealed is the form of the value in the database.
type sealed struct {
	Version    int    `json:"version"`
	Iterations int    `json:"iterations"`
	Salt       []byte `json:"salt"`
	Nonce      []byte `json:"nonce"`
	Sealed     []byte `json:"sealed"`
}

// bundle is the content of files by their names.
type bundle map[string][]byte

// sealContext is authenticated with what is sealed.
const sealContext = "ark-server shared keys 1"

func seal(passphrase string, files bundle) ([]byte, error) {
	plain, err := json.Marshal(files)
	if err != nil {
		return nil, err
	}
	s := sealed{Version: version, Iterations: iterations, Salt: make([]byte, saltBytes)}
	_, _ = rand.Read(s.Salt) // it never fails
	aead, err := newAEAD(passphrase, s)
	if err != nil {
		return nil, err
	}
	s.Nonce = make([]byte, aead.NonceSize())
	_, _ = rand.Read(s.Nonce)
	s.Sealed = aead.Seal(nil, s.Nonce, plain, []byte(sealContext))
	return json.Marshal(s)
}

// ErrPassphrase says that the keys in a database were sealed with another passphrase.
var ErrPassphrase = errors.New("the keys that the servers on this database share are encrypted with another passphrase, or damaged: give the passphrase that the other servers have; nothing was changed")

func open(passphrase string, stored []byte) (bundle, error) {
	var s sealed
	if err := json.Unmarshal(stored, &s); err != nil || s.Version < 1 || s.Iterations < 1 || s.Iterations > maxIterations {
		return nil, errors.New("the shared keys in the database are damaged: stop sharing them, and share those in a server's folder again")
	}
	if s.Version > version {
		return nil, fmt.Errorf("the shared keys in the database are of a newer release (format %d, this release knows %d): start that release", s.Version, version)
	}
	aead, err := newAEAD(passphrase, s)
	if err != nil {
		return nil, err
	}
	if len(s.Nonce) != aead.NonceSize() {
		return nil, ErrPassphrase
	}
	plain, err := aead.Open(nil, s.Nonce, s.Sealed, []byte(sealContext))
	if err != nil {
		return nil, ErrPassphrase
	}
	files := bundle{}
	if err := json.Unmarshal(plain, &files); err != nil {
		return nil, errors.New("the shared keys in the database are damaged") // the error might quote a key
	}
	return files, nil
}

func newAEAD(passphrase string, s sealed) (cipher.AEAD, error) {
	key, err := pbkdf2.Key(sha256.New, passphrase, s.Salt, s.Iterations, keyBytes)
	if err != nil {
		return nil, fmt.Errorf("derive a key from the passphrase: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// readPassphrase returns the line of a file that its owner has made.
func readPassphrase(path string) (string, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("there is no such file: write a passphrase there, such as by openssl rand -base64 32, and give all servers the same")
	}
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	line, rest, _ := bytes.Cut(content, []byte("\n"))
	if len(bytes.TrimSpace(rest)) > 0 {
		return "", errors.New("the file has more than one line: it must hold the passphrase alone")
	}
	line = bytes.TrimSpace(line)
	if len(line) < minPassphrase {
		return "", fmt.Errorf("the passphrase has %d characters: use %d or more, such as by openssl rand -base64 32", len(line), minPassphrase)
	}
	return string(line), nil
}
