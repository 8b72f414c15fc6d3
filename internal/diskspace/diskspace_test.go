package diskspace

import (
	"path/filepath"
	"testing"
)

func TestOf(t *testing.T) {
	dir := t.TempDir()
	if total, free := Of(filepath.Join(dir, "none.db")); total <= 0 || free < 0 || free > total {
		t.Errorf("of a folder that is there: %d of %d bytes free", free, total)
	}
	if total, free := Of(filepath.Join(dir, "no-folder", "none.db")); total != -1 || free != -1 {
		t.Errorf("of one that is not: %d of %d bytes free", free, total)
	}
}
