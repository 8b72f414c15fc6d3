package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	sqlitevfs "modernc.org/sqlite/vfs"
)

// Copies are made and judged through their open files: a file that has no name yet cannot
// be left behind by a process that is killed (https://www.sqlite.org/dbpage.html,
// https://www.sqlite.org/fileformat2.html).

// copyPages writes the database at path to a new file, as it is in one transaction, with what
// its write-ahead log holds. Free pages become holes. progress, if not nil, hears every second
// how many bytes there are.
func copyPages(ctx context.Context, path string, to *os.File, progress func(int64)) (err error) {
	conn, err := connectReadOnly(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.close()) }()
	// A read makes the snapshot of the transaction.
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	free, err := freePages(ctx, conn)
	if err != nil {
		return err
	}
	pages, err := conn.QueryContext(ctx, "SELECT pgno, data FROM sqlite_dbpage ORDER BY pgno")
	if err != nil {
		return err
	}
	defer pages.Close()
	end, told := int64(0), time.Now()
	for pages.Next() {
		var number uint32 // they come in order
		var page []byte
		if err := pages.Scan(&number, &page); err != nil {
			return err
		}
		begin := end
		end += int64(len(page))
		if keep, ok := free[number]; ok {
			clear(page[keep:]) // what has been deleted
			if keep == 0 {
				continue
			}
		}
		if number == 1 {
			// The copy is complete without a write-ahead log: its header names no such mode.
			page[headerWriteMode], page[headerReadMode] = modeRollback, modeRollback
		}
		if _, err := to.WriteAt(page, begin); err != nil {
			return err
		}
		if progress != nil && time.Since(told) >= time.Second {
			told = time.Now()
			progress(end)
		}
	}
	return errors.Join(pages.Err(), to.Truncate(end))
}

// Offsets in the header of a database, and values there.
const (
	headerWriteMode = 18
	headerReadMode  = 19
	headerFreelist  = 32

	modeRollback = 1
)

// freePages returns the pages of the free list, with how many bytes of each mean something:
// those that hold the list, and those that it names.
func freePages(ctx context.Context, conn *connection) (map[uint32]int, error) {
	free := map[uint32]int{}
	first, err := readPage(ctx, conn, 1)
	if err != nil {
		return nil, err
	}
	for at := binary.BigEndian.Uint32(first[headerFreelist:]); at != 0; {
		if _, seen := free[at]; seen {
			return nil, structureError("its free list goes in a circle")
		}
		page, err := readPage(ctx, conn, at)
		if err != nil {
			return nil, err
		}
		leaves := int(binary.BigEndian.Uint32(page[4:]))
		if leaves > len(page)/4-2 {
			return nil, structureError("its free list names more pages than there is room for")
		}
		free[at] = 8 + 4*leaves
		for i := range leaves {
			free[binary.BigEndian.Uint32(page[8+4*i:])] = 0
		}
		at = binary.BigEndian.Uint32(page)
	}
	return free, nil
}

func readPage(ctx context.Context, db querier, number uint32) (page []byte, err error) {
	err = db.QueryRowContext(ctx, "SELECT data FROM sqlite_dbpage WHERE pgno = ?", number).Scan(&page)
	if err != nil {
		err = fmt.Errorf("read page %d: %w", number, err)
	}
	return page, err
}

// checkCopy reads a copy from end to end, whether it has a name or not.
func checkCopy(ctx context.Context, file *os.File) (st mvcc.State, store mark.StoreID, err error) {
	name, files, err := sqlitevfs.New(onlyFile{file})
	if err != nil {
		return st, 0, err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	db, sqlConn, err := connectTo(ctx, dsn(copyName, "query_only(1)")+"&immutable=1&vfs="+name)
	if err != nil {
		return st, 0, err
	}
	conn := &connection{db, sqlConn}
	defer func() { err = errors.Join(err, conn.close()) }()
	verdict, err := conn.quickCheck(ctx)
	if err != nil {
		return st, 0, err
	}
	if verdict != sound {
		return st, 0, fmt.Errorf("it is damaged: %s", verdict)
	}
	have, err := conn.find(ctx)
	if err != nil {
		return st, 0, err
	}
	if have.version >= markedVersion {
		if err := checkRows(ctx, conn.Conn, have.version); err != nil {
			return st, 0, err
		}
	}
	st, err = readState(ctx, conn.Conn)
	return st, have.store, err
}

// onlyFile is a file system of one open file, whatever its name.
type onlyFile struct{ file *os.File }

const copyName = "copy"

// Open implements fs.FS.
func (o onlyFile) Open(name string) (fs.File, error) {
	if name != copyName {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	info, err := o.file.Stat()
	if err != nil {
		return nil, err
	}
	return openCopy{io.NewSectionReader(o.file, 0, info.Size()), info}, nil
}

type openCopy struct {
	*io.SectionReader
	info fs.FileInfo
}

// Stat implements fs.File.
func (c openCopy) Stat() (fs.FileInfo, error) { return c.info, nil }

// Close implements fs.File. The file stays open for its owner.
func (openCopy) Close() error { return nil }
