package mark

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ark.db.mark")
	if _, err := Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a missing file: %v", err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for revision := range int64(5) {
		want := Mark{Store: 0xfedcba9876543210, Revision: revision, Keys: Unknown, Digest: 1<<63 + 7, Side: 1 << 50, Writer: -revision}
		if err := f.Put(want); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path); err != nil || got != want {
			t.Fatalf("read %+v, %v; put %+v", got, err, want)
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	// Another File goes on after the newest slot.
	if f, err = Open(path); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Put(Mark{Store: 1, Revision: 9}); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || got.Revision != 9 {
		t.Errorf("after another Open: %+v, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if !f.InPlace() {
		t.Error("not in place")
	}
	if err := os.Remove(path); err != nil || f.InPlace() {
		t.Errorf("removed, and still in place: %v", err)
	}
}

// TestDamage: whichever byte of the file changes, and wherever it is cut, what is read is the
// newest mark, the one before it, or an error.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mark")
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for revision := int64(1); revision <= 3; revision++ {
		if err := f.Put(Mark{Store: 5, Revision: revision, Keys: 1, Digest: 2, Side: 3, Writer: 4}); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged, older, unknown := 0, 0, 0
	check := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := Read(path)
		if m.Side == 0 && m.Writer == 0 && err == nil {
			m.Side, m.Writer = 3, 4 // its line is damaged, and so not known
			unknown++
		}
		switch {
		case errors.Is(err, ErrDamaged):
			damaged++
		case err != nil:
			t.Fatal(err)
		case m == Mark{Store: 5, Revision: 2, Keys: 1, Digest: 2, Side: 3, Writer: 4}:
			older++
		case m != Mark{Store: 5, Revision: 3, Keys: 1, Digest: 2, Side: 3, Writer: 4}:
			t.Fatalf("read %+v", m)
		}
	}
	for i := range whole {
		if i > slotSize+sideSize && i < slotOffset {
			continue
		}
		for _, flip := range []byte{1, 0x80, 0xff} {
			content := append([]byte(nil), whole...)
			content[i] ^= flip
			check(content)
		}
		check(whole[:i])
	}
	if damaged == 0 || older == 0 || unknown == 0 {
		t.Errorf("%d damaged, %d older, %d without side tables: the test shows nothing", damaged, older, unknown)
	}
}

// TestReleaseBefore: a slot that a release without side tables wrote is read, and leaves open what
// the side tables hold; also where this release wrote the slot before.
func TestReleaseBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mark")
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 2 {
		if err := f.Put(Mark{Store: 5, Revision: 2, Side: 9, Writer: 4}); err != nil {
			t.Fatal(err)
		}
	}
	f.sequence++
	line := Mark{Store: 5, Revision: 3}.encode(nil, f.sequence)[:slotSize]
	if _, err := f.f.WriteAt(line, int64(f.sequence%2)*slotOffset); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || got != (Mark{Store: 5, Revision: 3}) {
		t.Errorf("%+v, %v", got, err)
	}
	// And a file that ends with such a slot.
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content[:int(f.sequence%2)*slotOffset+slotSize], 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || got.Revision != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestOpenRefuses: a planted link leads nowhere else, and other kinds of files are left alone.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	if err := os.WriteFile(precious, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(precious, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, dir} {
		if f, err := Open(path); err == nil {
			f.Close()
			t.Errorf("%s: opened", path)
		}
	}
	if b, err := os.ReadFile(precious); err != nil || string(b) != "precious" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestContradicts(t *testing.T) {
	m := Mark{Store: 7, Revision: 10, Side: 20}
	for _, tc := range []struct {
		store          StoreID
		revision, side int64
		want           string
	}{
		{7, 10, 20, ""}, {7, 11, 21, ""},
		{7, 9, 21, "revision 10 had been acknowledged"},
		{7, 11, 19, "its side tables end at id 19, but id 20 had been acknowledged"},
		{8, 11, 21, "it is store 0000000000000008, but store 0000000000000007"},
		{0, 0, 0, "there is no database"},
	} {
		if got := m.Contradicts(tc.store, tc.revision, tc.side); (tc.want == "") != (got == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%+v: %q", tc, got)
		}
	}
}

func TestStoreID(t *testing.T) {
	id := StoreID(0x0123456789abcdef)
	if got, err := ParseStoreID(id.String()); err != nil || got != id {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "yes", "0123456789abcde", "0123456789abcdeg"} {
		if _, err := ParseStoreID(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	f, err := Open(filepath.Join(b.TempDir(), "mark"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for i := range b.N {
		if err := f.Put(Mark{Store: 1, Revision: int64(i)}); err != nil {
			b.Fatal(err)
		}
	}
}
