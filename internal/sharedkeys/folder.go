package sharedkeys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/privatefile"
)

// noteName is the file in a folder that says which of its files were shared, by their SHA-256.
const noteName = "shared.json"

// note is its content: hashes by names. Several of a name are there only while files are being
// replaced.
type note map[string][]string

func (n note) has(name string, content []byte) bool { return slices.Contains(n[name], hashOf(content)) }

func hashOf(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}

// ConflictError says that a folder has keys which are not the shared ones, and never were.
type ConflictError struct {
	Dir   string
	Files []string
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s in %s: not what the servers on this database share; nothing was changed: move the folder away to take the shared keys, or share these keys in their place", strings.Join(e.Files, ", "), e.Dir)
}

// read returns the files of a folder that exist, of the names.
func read(dir string, names []string) (bundle, error) {
	files := bundle{}
	for _, name := range names {
		content, err := privatefile.Read(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("read the keys: %w", err)
		}
		if len(content) > 0 {
			files[name] = content
		}
	}
	return files, nil
}

// install writes the files of the names to a folder, in their order. A file there that was never
// shared is a ConflictError.
func install(dir string, names []string, files bundle) error {
	if err := privatefile.MakeFolder(dir); err != nil {
		return fmt.Errorf("make the folder for the server's keys: %w", err)
	}
	there, err := read(dir, names)
	if err != nil {
		return err
	}
	before, err := readNote(dir)
	if err != nil {
		return err
	}
	after, both := maps.Clone(before), maps.Clone(before)
	conflict := &ConflictError{Dir: dir}
	var stale []string
	for _, name := range names {
		wanted, shared := files[name]
		if !shared {
			continue
		}
		after[name], both[name] = []string{hashOf(wanted)}, append(slices.Clone(before[name]), hashOf(wanted))
		content, exists := there[name]
		switch {
		case exists && bytes.Equal(content, wanted):
		case exists && !before.has(name, content):
			conflict.Files = append(conflict.Files, name)
		default:
			stale = append(stale, name)
		}
	}
	if len(conflict.Files) > 0 {
		return conflict
	}
	if len(stale) > 0 {
		// Killed in between, the next start finds files of both kinds.
		if err := writeNote(dir, both); err != nil {
			return err
		}
	}
	for _, name := range stale {
		if err := privatefile.Write(filepath.Join(dir, name), files[name]); err != nil {
			return err
		}
	}
	if maps.EqualFunc(before, after, slices.Equal) {
		return nil
	}
	return writeNote(dir, after)
}

func readNote(dir string) (note, error) {
	path := filepath.Join(dir, noteName)
	content, err := privatefile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("read which keys were shared: %w", err)
	}
	n := note{}
	if content != nil {
		if err := json.Unmarshal(content, &n); err != nil {
			return nil, fmt.Errorf("%s is damaged (remove it): %w", path, err)
		}
	}
	return n, nil
}

func writeNote(dir string, n note) error {
	content, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return privatefile.Write(filepath.Join(dir, noteName), append(content, '\n'))
}
