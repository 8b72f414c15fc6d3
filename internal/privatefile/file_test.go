package privatefile

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childFolder has TestMain write files there until it is killed.
const childFolder = "ARK_TEST_PRIVATEFILE_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		fmt.Println("begun")
		for i := 0; ; i++ {
			f, err := New(filepath.Join(dir, "new"))
			if err == nil {
				_, _ = f.WriteString(strings.Repeat("secret", 1000))
				_ = f.Close()
			}
			if err == nil {
				err = Write(filepath.Join(dir, "replaced"), []byte(strings.Repeat("x", 4096)))
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
	os.Exit(m.Run())
}

func withUmask(t *testing.T, mask int) {
	t.Helper()
	old := syscall.Umask(mask)
	t.Cleanup(func() { syscall.Umask(old) })
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range list {
		found = append(found, e.Name())
	}
	return found
}

func TestModesWhateverTheUmask(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o077, 0o777} {
		t.Run(fmt.Sprintf("%04o", mask), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			withUmask(t, mask)
			for _, begin := range []func(string) (*File, error){New, newNamed} {
				f, err := begin(path)
				if err != nil {
					t.Fatal(err)
				}
				info, err := f.Stat()
				if err != nil || info.Mode() != 0o600 {
					t.Errorf("before the first byte: %v, %v", info.Mode(), err)
				}
				if _, err := f.WriteString("one"); err != nil {
					t.Fatal(err)
				}
				if err := f.Link(); err != nil {
					t.Fatal(err)
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				if got := modeOf(t, path); got != 0o600 {
					t.Errorf("linked: %v", got)
				}
				if got := entries(t, dir); len(got) != 1 {
					t.Errorf("there are %q", got)
				}
				if err := Write(path, []byte("two")); err != nil {
					t.Fatal(err)
				}
				content, err := Read(path)
				if got := modeOf(t, path); got != 0o600 || err != nil || string(content) != "two" {
					t.Errorf("replaced: %v, %q, %v", got, content, err)
				}
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			f, err := Open(filepath.Join(dir, "opened"), os.O_RDWR|os.O_CREATE)
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
			if got := modeOf(t, f.Name()); got != 0o600 {
				t.Errorf("opened: %v", got)
			}
			if err := WriteMode(filepath.Join(dir, "public"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if got := modeOf(t, filepath.Join(dir, "public")); got != 0o644 {
				t.Errorf("public: %v", got)
			}
			if err := MakeFolder(filepath.Join(dir, "a", "b")); err != nil {
				t.Fatal(err)
			}
			if got := modeOf(t, filepath.Join(dir, "a", "b")); got != 0o700|fs.ModeDir {
				t.Errorf("folder: %v", got)
			}
		})
	}
}

func TestLinkReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, begin := range []func(string) (*File, error){New, newNamed} {
		f, err := begin(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("elsewhere", path); err != nil {
			t.Fatal(err)
		}
		if err := f.Link(); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%v", err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if got := entries(t, dir); len(got) != 1 || modeOf(t, path)&fs.ModeSymlink == 0 {
			t.Errorf("there are %q", got)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// Replacing a symbolic link takes the link's place and leaves what it leads to.
func TestReplaceFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(victim, []byte("mine"), 0o600), os.Symlink(victim, path)); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(victim); string(content) != "mine" {
		t.Errorf("the target holds %q", content)
	}
	if modeOf(t, path) != 0o600 {
		t.Errorf("it is %v", modeOf(t, path))
	}
}

func TestKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	rounds := 30
	for range rounds {
		child := exec.Command(self)
		child.Env = append(os.Environ(), childFolder+"="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 16)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // killed
		for _, name := range entries(t, dir) {
			if name != "replaced" && !strings.HasPrefix(name, ".replaced"+tempMiddle) {
				t.Errorf("left behind: %s", name)
			}
			if mode := modeOf(t, filepath.Join(dir, name)); mode != 0o600 {
				t.Errorf("%s has mode %v", name, mode)
			}
		}
	}
	// What the moment of a replacement left goes with the next one.
	if err := Write(filepath.Join(dir, "replaced"), nil); err != nil {
		t.Fatal(err)
	}
	if got := entries(t, dir); len(got) != 1 {
		t.Errorf("there are %q", got)
	}
}

func TestStale(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "db")
	inUse, err := newNamed(path)
	if err != nil {
		t.Fatal(err)
	}
	defer inUse.Close()
	other, err := newNamed(filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	keep := []string{filepath.Base(other.temp), filepath.Base(inUse.temp), filepath.Base(inUse.temp) + "-wal",
		".db.ark-AAAAAAAAAAAA.tmp.d", ".db.ark-AAAA.tmp", ".db.ark-aaaaaaaaaaaa.tmp", "db.ark-AAAAAAAAAAAA.tmp"}
	const folder = 3
	gone := []string{".db.ark-AAAAAAAAAAA2.tmp", ".db.ark-AAAAAAAAAAA2.tmp-wal", ".db.ark-BBBBBBBBBBBB.tmp-shm", ".other.ark-CCCCCCCCCCCC.tmp", ".it's.db.ark-CCCCCCCCCCCC.tmp"}
	for _, name := range append(keep[2:], gone...) {
		if name == keep[folder] {
			err = os.Mkdir(filepath.Join(dir, name), 0o700)
		} else {
			err = os.WriteFile(filepath.Join(dir, name), nil, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveStale(path); err != nil {
		t.Fatal(err)
	}
	for _, name := range keep {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	for _, name := range gone {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there (%v)", name, err)
		}
	}
}

// Several writers at once, each with the file whole.
func TestWritersSideBySide(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	errs := make(chan error)
	for i := range 8 {
		go func() {
			var err error
			for range 50 {
				if err = Write(path, []byte(strings.Repeat(fmt.Sprint(i), 5000))); err != nil {
					break
				}
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	content, err := Read(path)
	if err != nil || len(content) != 5000 || strings.Trim(string(content), string(content[:1])) != "" {
		t.Errorf("%d bytes, %v", len(content), err)
	}
	if got := entries(t, filepath.Dir(path)); len(got) != 1 {
		t.Errorf("there are %q", got)
	}
}
