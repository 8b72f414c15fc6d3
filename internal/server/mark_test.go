package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/mvcc/servermark"
)

// marked is a store on a database server, with its mark.
type marked struct {
	StorageOptions
	t       *testing.T
	store   *mvcc.Store
	closers []func() error
}

func (m *marked) path() string { return filepath.Join(m.MarkFolder, "database-server.mark") }

func (m *marked) mark() mark.Mark {
	m.t.Helper()
	have, err := mark.Read(m.path())
	if err != nil {
		m.t.Fatal(err)
	}
	return have
}

// change modifies the mark, as if it had been written on another copy of the database.
func (m *marked) change(change func(*mark.Mark)) {
	m.t.Helper()
	have := m.mark()
	change(&have)
	f, err := mark.Open(m.path())
	if err == nil {
		err = errors.Join(f.Put(have), f.Close())
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *marked) open() (err error) {
	admin, _ := m.Admin()
	engine, err := openEngine(m.t.Context(), admin, false)
	if err != nil {
		return err
	}
	m.store, m.closers, err = openStore(m.t.Context(), m.StorageOptions, admin, engine, mvcc.Options{})
	return err
}

func (m *marked) close() {
	m.t.Helper()
	for i := len(m.closers) - 1; i >= 0; i-- {
		if err := m.closers[i](); err != nil {
			m.t.Error(err)
		}
	}
}

// write opens the store, creates keys, and closes it again. The mark is exact after each write.
func (m *marked) write(key string) {
	m.t.Helper()
	if err := m.open(); err != nil {
		m.t.Fatal(err)
	}
	defer m.close()
	for i := range 5 {
		res, err := m.store.Txn(m.t.Context(), &mvcc.Txn{Then: []mvcc.Op{&mvcc.Put{Key: fmt.Append(nil, key, i), Value: []byte("v")}}}, mvcc.Actor{})
		if err != nil {
			m.t.Fatal(err)
		}
		if have := m.mark(); have.Revision != res.Revision || have.Keys != mark.Unknown {
			m.t.Fatalf("the mark is %+v after revision %d", have, res.Revision)
		}
	}
}

// append opens the store, appends a side row, and closes it again. The mark includes the row.
func (m *marked) append(key string) {
	m.t.Helper()
	if err := m.open(); err != nil {
		m.t.Fatal(err)
	}
	defer m.close()
	ids, err := m.store.Side().Append(m.t.Context(), mvcc.SideRow{Table: "marked", Key: []byte(key)})
	if err != nil {
		m.t.Fatal(err)
	}
	if have := m.mark(); have.Side != ids[0] || have.Writer == 0 {
		m.t.Fatalf("the mark is %+v after id %d", have, ids[0])
	}
}

func (m *marked) accept(store mark.StoreID) { m.AcceptDataLoss = &store }

// bump advances the counter manually.
func (m *marked) bump() {
	m.t.Helper()
	admin, _ := m.Admin()
	if _, err := admin.Bump(m.t.Context(), DefaultBump); err != nil {
		m.t.Fatal(err)
	}
}

func (m *marked) refused(want ...string) {
	m.t.Helper()
	err := m.open()
	var loss *servermark.LossError
	if !errors.As(err, &loss) {
		if err == nil {
			m.close()
		}
		m.t.Fatalf("got %v, want a refusal", err)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			m.t.Errorf("%q does not say %q", err, w)
		}
	}
}

// TestServerMark checks that a start on an older copy of a database server's store is refused, and
// continues above all revisions of the mark once the loss has been accepted in either way.
func TestServerMark(t *testing.T) {
	for kind, fresh := range map[Kind]func(testing.TB) database.Config{
		PostgreSQL: postgresServer.Database, MySQL: mariadbServer.Database,
	} {
		t.Run(string(kind), func(t *testing.T) {
			m := &marked{StorageOptions: StorageOptions{Kind: kind, Database: fresh(t), MarkFolder: t.TempDir()}, t: t}
			m.write("a")
			m.write("b")
			written := m.mark()

			// Commits have been lost.
			m.change(func(have *mark.Mark) { have.Revision += 5 })
			m.refused("acknowledged writes are missing", fmt.Sprintf("it is at revision %d", written.Revision), m.path())
			m.accept(written.Store + 1)
			m.refused("acknowledged writes are missing")
			m.accept(written.Store)
			m.write("c")
			if have := m.mark(); have.Revision < written.Revision+DefaultBump || have.Store != written.Store+1 {
				t.Errorf("after the loss was accepted the mark is %+v", have)
			}
			// One acceptance is valid for one loss.
			m.change(func(have *mark.Mark) { have.Revision += 5 })
			m.refused("acknowledged writes are missing")
			m.AcceptDataLoss = nil

			// The other way to accept a loss.
			m.bump()
			m.write("d")

			// Other servers have written to a copy that had lost commits, up to the same revision.
			m.change(func(have *mark.Mark) { have.Digest++ })
			m.refused("it has another revision")
			m.bump()
			m.write("e")

			// A copy from before the counter was advanced, whose revisions have passed the mark since.
			m.change(func(have *mark.Mark) { have.Store++ })
			m.refused("from before its counter was moved on")
			m.change(func(have *mark.Mark) { have.Store-- })
			m.write("f")

			// Side rows have been lost, but no revision.
			m.append("g")
			m.change(func(have *mark.Mark) { have.Side++ })
			m.refused("its side tables lack what had been acknowledged")
			m.change(func(have *mark.Mark) { have.Side--; have.Writer++ })
			m.refused("its side tables lack what had been acknowledged")
			m.bump()
			m.append("h")
			// An earlier release does not record side rows in the mark.
			m.change(func(have *mark.Mark) { have.Side, have.Writer = 0, 0 })
			m.write("i")

			// A different database is not a loss that can be accepted.
			m.accept(written.Store + 1<<20)
			m.change(func(have *mark.Mark) { have.Store += 1 << 20 })
			m.refused("name the database that was here", "move that file away")
			if err := os.Remove(m.path()); err != nil {
				t.Fatal(err)
			}
			m.AcceptDataLoss = nil
			m.write("g")

			// A mark that cannot be read is ignored.
			if err := os.WriteFile(m.path(), []byte("nothing"), 0o600); err != nil {
				t.Fatal(err)
			}
			m.write("h")
		})
	}
}

// TestNoMarkFolder checks that a start without the folder succeeds if another program creates it
// later, and that the error names the folder otherwise.
func TestNoMarkFolder(t *testing.T) {
	later := filepath.Join(t.TempDir(), "later")
	m := &marked{StorageOptions: StorageOptions{Kind: PostgreSQL, Database: postgresServer.Database(t), MarkFolder: later}, t: t}
	if err := m.open(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(later, 0o700); err != nil {
		t.Fatal(err)
	}
	m.close()
	if have := m.mark(); have.Revision != 1 || have.Store == 0 {
		t.Errorf("the mark is %+v", have)
	}
	m.MarkFolder, m.MarkFolderMade = filepath.Join(t.TempDir(), "none"), true
	err := m.open()
	var of *Error
	if !errors.As(err, &of) || of.Setting != SettingMark || !strings.Contains(err.Error(), "make the folder") {
		t.Errorf("got %v", err)
	}
}
