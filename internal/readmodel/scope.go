package readmodel

import (
	"crypto/sha256"
	"encoding/hex"
)

// Scope returns the word of the full-text index's column scope for the objects of a kind, of a
// namespace or of a kind in a namespace. It restricts a search to the objects that it may find,
// without reading the other matches. An empty kind or namespace stands for any.
func Scope(kind, namespace string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + namespace))
	return "s" + hex.EncodeToString(sum[:8])
}

// insertTexts adds an object to the full-text index.
const insertTexts = `INSERT INTO fts(rowid, title, description, input, output, scope) VALUES (?, ?, ?, ?, ?, ?)`

// scopes returns the scope words of an object.
func scopes(kind, namespace string) string {
	return Scope(kind, "") + " " + Scope("", namespace) + " " + Scope(kind, namespace)
}
