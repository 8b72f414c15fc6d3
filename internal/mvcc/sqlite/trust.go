package sqlite

import (
	"path/filepath"

	"github.com/mckinsey/ark-server/internal/privatefile"
)

// family are the suffixes of a database's name and of those beside it.
var family = []string{"", "-wal", "-shm", "-journal", ".lock", ".mark", reserveSuffix}

// trust refuses a database, or what lies beside it, that another user may have planted or
// changed. It changes nothing.
func trust(path string) error {
	if err := privatefile.CheckFolder(filepath.Dir(path)); err != nil {
		return err
	}
	return each(path, privatefile.CheckFile)
}

// tighten is trust that takes the rights of other users from what is ours.
func tighten(path string) error {
	if err := trust(path); err != nil {
		return err
	}
	return each(path, privatefile.Secure)
}

func each(path string, do func(string) error) error {
	for _, suffix := range family {
		if err := do(path + suffix); err != nil {
			return err
		}
	}
	return nil
}
