package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
	"github.com/mckinsey/ark-server/internal/privatefile"
)

// keysBeside returns the folder of the keys that belong to a backup.
func keysBeside(backup string) string { return backup + ".keys" }

// checkKeysTarget returns an error if the keys cannot be copied.
func checkKeysTarget(from, to string) error {
	if _, err := os.Stat(from); err != nil {
		return fmt.Errorf("--include-keys: --keys-dir=%s: %w", from, err)
	}
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("--include-keys: %s exists: choose another name for --to, or delete that folder first", to)
	}
	return nil
}

// backUpKeys copies the keys next to a backup, or prints that they are needed.
func (o *options) backUpKeys(out io.Writer, backup string, include bool) error {
	if include {
		if err := copyKeys(o.keys(), keysBeside(backup)); err != nil {
			return fmt.Errorf("--include-keys: %w", err)
		}
		_, err := fmt.Fprintf(out, "%s holds the keys; keep it in another place than the backup\n", keysBeside(backup))
		return err
	}
	if _, err := os.Stat(o.encryptionFile()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, err := fmt.Fprintf(out, "its Secrets can be read only with the keys in %s: keep a copy of that folder (--include-keys makes one)\n", o.keys())
	return err
}

// copyKeys copies the files of a keys folder, except the mark of its database, into a new folder.
func copyKeys(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := privatefile.MakeFolder(to); err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == sqlite.SecondMarkName || !entry.Type().IsRegular() {
			continue
		}
		content, err := privatefile.Read(filepath.Join(from, entry.Name()))
		if err != nil {
			return err
		}
		if err := privatefile.Write(filepath.Join(to, entry.Name()), content); err != nil {
			return err
		}
	}
	return nil
}

// restoreKeys copies the keys that belong to a backup into a folder that has none.
func restoreKeys(to, from string) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("--include-keys: --keys-dir=%s exists: leave --include-keys out to use the keys there, or move that folder away", to)
	}
	if err := copyKeys(from, to); err != nil {
		return fmt.Errorf("--include-keys: %w", err)
	}
	return nil
}
