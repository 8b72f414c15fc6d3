package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/mckinsey/ark-server/internal/encryption"
	"github.com/mckinsey/ark-server/internal/sharedkeys"
	"github.com/mckinsey/ark-server/internal/standalone"
)

// SharedKeys returns the keys of a standalone server in their form shared through a storage.
func (m Standalone) SharedKeys(kv clientv3.KV) *sharedkeys.Keys {
	return &sharedkeys.Keys{
		Dir: m.KeysDir, Names: append(append([]string{}, standalone.SharedKeyNames...), encryption.FileName), Passphrase: m.PassphraseFile, KV: kv,
		Make: func(ctx context.Context, dir string) error {
			if err := standalone.MakeKeys(dir, time.Now()); err != nil {
				return err
			}
			file := filepath.Join(dir, encryption.FileName)
			if err := encryption.Ensure(file, time.Now()); err != nil || m.EncryptionFile != "" {
				return err
			}
			return m.checkMade(ctx, file, kv)
		},
	}
}

// checkMade returns an error if a file lacks the key of stored objects: it must not be shared.
func (m Standalone) checkMade(ctx context.Context, file string, kv clientv3.KV) error {
	answer, err := kv.Get(ctx, encryption.CheckKey)
	if err != nil {
		return fmt.Errorf("look for the key of Secrets: %w", err)
	}
	if len(answer.Kvs) == 0 {
		return nil
	}
	err = encryption.Check(ctx, file, answer.Kvs[0].Value)
	var missing *encryption.KeyError
	if errors.As(err, &missing) {
		missing.File, missing.Shared = filepath.Join(m.KeysDir, encryption.FileName), true
	}
	return err
}

// shareKeys synchronizes the keys of the server's folder and its storage, and returns them; nil if
// keys are not shared through it.
func (m Standalone) shareKeys(ctx context.Context, kv clientv3.KV) (*sharedkeys.Keys, error) {
	if m.PassphraseFile == "" {
		return nil, sharedkeys.Refuse(ctx, kv)
	}
	keys := m.SharedKeys(kv)
	return keys, keys.Share(ctx)
}
