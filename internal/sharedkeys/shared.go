package sharedkeys

import (
	"context"
	"errors"
	"fmt"
	"os"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/mckinsey/ark-server/internal/privatefile"
)

// storageKey is where the keys are in the storage.
const storageKey = "/ark-server/keys"

// Keys are those of a server, and those in its database.
type Keys struct {
	// Dir is the server's folder, Names the files in it that are shared, in the order in which they
	// are written.
	Dir   string
	Names []string
	// Passphrase is the file with the passphrase.
	Passphrase string
	KV         clientv3.KV
	// Make makes those of the files that a folder lacks. Its error keeps them from being shared.
	Make func(ctx context.Context, dir string) error

	seen int64 // revision of what Refresh has taken over
}

// ErrShared says that a server was given no passphrase, although its database has shared keys.
var ErrShared = errors.New("the servers on this database share their keys through it: give this one the same passphrase; nothing was changed")

// Refuse returns ErrShared if a storage has shared keys.
func Refuse(ctx context.Context, kv clientv3.KV) error {
	stored, err := get(ctx, kv)
	if err == nil && stored.value != nil {
		err = ErrShared
	}
	return err
}

// Share brings folder and database to the same keys. Those in the database count; where there are
// none, they are those in the folder, and new ones for what is missing.
func (k *Keys) Share(ctx context.Context) error {
	passphrase, err := readPassphrase(k.Passphrase)
	if err != nil {
		return err
	}
	stored, err := get(ctx, k.KV)
	if err != nil {
		return err
	}
	if stored.value == nil {
		err := k.inCopy(ctx, passphrase, stored, func(_ string, share func() error) error { return share() })
		if err != nil && !errors.Is(err, ErrChanged) {
			return err
		}
		// Another server may have been faster.
		if stored, err = get(ctx, k.KV); err != nil {
			return err
		}
	}
	files, err := open(passphrase, stored.value)
	if err != nil {
		return err
	}
	k.seen = stored.revision
	return install(k.Dir, k.Names, files)
}

// Refresh writes those of the files named that the database has others of. The rest needs a
// restart.
func (k *Keys) Refresh(ctx context.Context, names ...string) error {
	stored, err := get(ctx, k.KV)
	if err != nil || stored.value == nil || stored.revision == k.seen {
		return err
	}
	passphrase, err := readPassphrase(k.Passphrase)
	if err != nil {
		return err
	}
	files, err := open(passphrase, stored.value)
	if err != nil {
		return err
	}
	if err := install(k.Dir, names, files); err != nil {
		return err
	}
	k.seen = stored.revision
	return nil
}

// ErrChanged says that another process has changed the shared keys.
var ErrChanged = errors.New("another process has changed the shared keys meanwhile: try again")

// ErrNone says that a database has no shared keys.
var ErrNone = errors.New("the servers on this database do not share their keys through it")

// Change calls do with a folder that holds the shared keys. Do may change them, and share them as
// often as it likes.
func (k *Keys) Change(ctx context.Context, do func(dir string, share func() error) error) error {
	passphrase, err := readPassphrase(k.Passphrase)
	if err != nil {
		return err
	}
	stored, err := get(ctx, k.KV)
	if err != nil {
		return err
	}
	if stored.value == nil {
		return ErrNone
	}
	files, err := open(passphrase, stored.value)
	if err != nil {
		return err
	}
	dir, remove, err := temporary(files)
	if err != nil {
		return err
	}
	defer remove()
	return do(dir, k.sharer(ctx, dir, passphrase, stored))
}

// Replace shares the keys in the server's folder, and new ones for what is missing there, in the
// place of all others. The passphrase may be a new one.
func (k *Keys) Replace(ctx context.Context) error {
	passphrase, err := readPassphrase(k.Passphrase)
	if err != nil {
		return err
	}
	stored, err := get(ctx, k.KV)
	if err != nil {
		return err
	}
	var shared bundle
	err = k.inCopy(ctx, passphrase, stored, func(dir string, share func() error) error {
		if err := share(); err != nil {
			return err
		}
		shared, err = read(dir, k.Names)
		return err
	})
	if err != nil {
		return err
	}
	return install(k.Dir, k.Names, shared)
}

// Stop removes the keys from a database.
func Stop(ctx context.Context, kv clientv3.KV) error {
	answer, err := kv.Txn(ctx).Then(clientv3.OpDelete(storageKey)).Commit()
	if err != nil {
		return fmt.Errorf("remove the shared keys: %w", err)
	}
	if answer.Responses[0].GetResponseDeleteRange().Deleted == 0 {
		return ErrNone
	}
	return nil
}

// inCopy calls do with a copy of the server's folder in which nothing is missing.
func (k *Keys) inCopy(ctx context.Context, passphrase string, stored value, do func(dir string, share func() error) error) error {
	files, err := read(k.Dir, k.Names)
	if err != nil {
		return err
	}
	dir, remove, err := temporary(files)
	if err != nil {
		return err
	}
	defer remove()
	if err := k.Make(ctx, dir); err != nil {
		return err
	}
	return do(dir, k.sharer(ctx, dir, passphrase, stored))
}

// sharer returns what stores the keys in a folder, if the database has still the value.
func (k *Keys) sharer(ctx context.Context, dir, passphrase string, last value) func() error {
	return func() error {
		files, err := read(dir, k.Names)
		if err != nil {
			return err
		}
		for _, name := range k.Names {
			if files[name] == nil {
				return fmt.Errorf("%s is missing", name)
			}
		}
		text, err := seal(passphrase, files)
		if err != nil {
			return err
		}
		answer, err := k.KV.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(storageKey), "=", last.revision)).Then(clientv3.OpPut(storageKey, string(text))).Commit()
		if err != nil {
			return fmt.Errorf("store the shared keys: %w", err)
		}
		if !answer.Succeeded {
			return ErrChanged
		}
		last.revision = answer.Header.Revision
		return nil
	}
}

// temporary makes a folder with files.
func temporary(files bundle) (dir string, remove func(), err error) {
	if dir, err = os.MkdirTemp("", "ark-server-keys-"); err != nil {
		return "", nil, fmt.Errorf("make a folder for keys: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) } // for its owner only, in any case
	for name, content := range files {
		if err := privatefile.Write(dir+"/"+name, content); err != nil {
			remove()
			return "", nil, err
		}
	}
	return dir, remove, nil
}

// value is what a storage has.
type value struct {
	value    []byte // nil for nothing
	revision int64  // 0 for nothing
}

func get(ctx context.Context, kv clientv3.KV) (value, error) {
	answer, err := kv.Get(ctx, storageKey)
	if err != nil {
		return value{}, fmt.Errorf("read the shared keys: %w", err)
	}
	if len(answer.Kvs) == 0 {
		return value{}, nil
	}
	return value{answer.Kvs[0].Value, answer.Kvs[0].ModRevision}, nil
}
