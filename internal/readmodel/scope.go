package readmodel

import (
	"crypto/sha256"
	"encoding/hex"
)

// Scope names the objects of a kind, of a namespace or of a kind in a namespace, as a word of the
// column scope of the full-text index. So a search that may not find others does not read what
// matches there. An empty kind or namespace stands for any.
func Scope(kind, namespace string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + namespace))
	return "s" + hex.EncodeToString(sum[:8])
}

// insertTexts puts an object into the full-text index.
const insertTexts = `INSERT INTO fts(rowid, title, description, input, output, scope) VALUES (?, ?, ?, ?, ?, ?)`

// scopes are the words of an object.
func scopes(kind, namespace string) string {
	return Scope(kind, "") + " " + Scope("", namespace) + " " + Scope(kind, namespace)
}
