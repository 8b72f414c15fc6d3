package server

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/mckinsey/ark-server/internal/encryption"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/sharedkeys"
)

// openEncryption prepares the storage for a server that encrypts. Its lifetime is that of the
// storage.
func (m Standalone) openEncryption(ctx context.Context, data *data, shared bool, keys *sharedkeys.Keys) (*encryption.Provider, error) {
	file := m.EncryptionFile
	if file == "" {
		file = filepath.Join(m.KeysDir, encryption.FileName)
		if err := encryption.Ensure(file, time.Now()); err != nil {
			return nil, about(SettingEncryption, err)
		}
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	data.closers = append(data.closers, func() error { stop(); return nil })
	provider, err := encryption.Open(running, file, data.kv)
	if err != nil {
		return nil, about(SettingEncryption, err)
	}
	provider.Shared = shared
	if keys != nil {
		provider.Refresh = func(ctx context.Context) error { return keys.Refresh(ctx, encryption.FileName) }
	}
	err = provider.Prepare(ctx, data.scrub)
	var remains *encryption.ScrubError
	if errors.As(err, &remains) {
		slog.Error(remains.Error() + ": it is tried again at the next start")
		err = nil
	}
	return provider, about(SettingEncryption, err)
}

// vacuumer is an engine that can erase the remains of deleted rows. A database server does that
// itself.
type vacuumer interface{ Vacuum(context.Context) error }

// scrub erases all values that have been replaced so far.
func scrub(ctx context.Context, store *mvcc.Store, engine mvcc.Engine) error {
	v, alone := engine.(vacuumer)
	if err := store.Compact(ctx, store.Revision(), alone); err != nil && !errors.Is(err, mvcc.ErrCompacted) {
		return err
	}
	if !alone {
		return nil
	}
	return v.Vacuum(ctx)
}

// asEncrypter adds the encrypter as the actor of each write, and permits the bytes that encryption
// adds to an object of the maximum size.
type asEncrypter struct{ clientv3.KV }

const encryptionRoom = 4 << 10

func (a asEncrypter) Txn(ctx context.Context) clientv3.Txn {
	ctx = etcdserver.WithGrowth(ctx, encryptionRoom)
	return a.KV.Txn(etcdserver.WithActor(ctx, mvcc.Actor{User: "ark-server", UserAgent: "ark-server", Verb: "encrypt"}))
}
