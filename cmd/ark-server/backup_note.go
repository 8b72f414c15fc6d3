package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/mckinsey/ark-server/internal/privatefile"
)

// backupNote is the record of the last backup. It is stored in the keys folder of the server.
type backupNote struct {
	At       time.Time `json:"at"`
	File     string    `json:"file"`
	Revision int64     `json:"revision"`
	Bytes    int64     `json:"bytes"`
}

const backupNoteName = "last-backup.json"

func readBackupNote(keys string) (note backupNote, ok bool) {
	text, err := os.ReadFile(filepath.Join(keys, backupNoteName))
	return note, err == nil && json.Unmarshal(text, &note) == nil
}

// write stores the note if that folder exists.
func (n backupNote) write(keys string) error {
	if info, err := os.Stat(keys); err != nil || !info.IsDir() {
		return nil //nolint:nilerr // no server has been started here
	}
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return privatefile.Write(filepath.Join(keys, backupNoteName), append(text, '\n'))
}
