package encryption

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/server/options/encryptionconfig"
	"k8s.io/apiserver/pkg/storage/value"

	"github.com/mckinsey/ark-server/internal/apiserver/layout"
)

const (
	// checkKey holds a known text in the form of a Secret: of what was encrypted last. Where there is
	// no Secret, a server with another key replaces it, unless other servers use the storage.
	checkKey  = "/ark-server/encryption/check"
	checkText = "ark-server"
	// scrubKey says that plain values may lie in rows that were replaced, and in free pages.
	scrubKey = "/ark-server/encryption/scrub"

	pageSize = 500
)

// encrypted begins every value that is encrypted.
var encrypted = []byte("k8s:enc:")

// KeyError says that values cannot be decrypted with the keys that there are.
type KeyError struct {
	// File is where the key should be, Key what the values say of it: provider, version and, where it
	// has one, name.
	File, Key string
	// Values is how many are affected at least, Example the key in the storage of one.
	Values  int
	Example string
	// Absent says that there is no such file.
	Absent bool
	// Shared says that other servers use the storage, and that no Secret is there which has the key.
	Shared bool
}

func (e *KeyError) Error() string {
	if e.Absent {
		return fmt.Sprintf("the Secrets there are encrypted with the key %q, and there is no %s: put back the %s that was used with this database", e.Key, e.File, FileName)
	}
	if e.Key == "" {
		return fmt.Sprintf("%d values such as %s are not encrypted, and %s does not allow that: add identity: {} there as the last provider, and they are encrypted at the next start", e.Values, e.Example, e.File)
	}
	if e.Shared {
		return fmt.Sprintf("the servers on this database encrypt Secrets with the key %q, which is not in %s: give all of them the same keys; put back the %s that was used with this database, or add its key", e.Key, e.File, FileName)
	}
	return fmt.Sprintf("what is stored (such as %s) is encrypted with the key %q, which is not in %s: put back the %s that was used with this database, or add its key", e.Example, e.Key, e.File, FileName)
}

// keyOf is the provider, version and key name that an encrypted value begins with, "" for one that
// is not encrypted.
func keyOf(stored []byte) string {
	rest, ok := bytes.CutPrefix(stored, encrypted)
	if !ok {
		return ""
	}
	parts := strings.SplitN(string(rest[:min(len(rest), 300)]), ":", 4)
	if len(parts) < 4 {
		return "unknown"
	}
	return strings.Join(parts[:3], ":")
}

// Prepare makes a storage ready for a server, which must not run yet: it returns a KeyError if the
// key of a Secret is missing, and else encrypts with the first key what is not. If plain values
// have been replaced, it calls scrub, which must remove old rows and what the database's file has
// left of them; a scrub that fails is returned as a ScrubError, and made again by the next Prepare.
func (p *Provider) Prepare(ctx context.Context, scrub func(context.Context) error) error {
	found, err := p.scan(ctx)
	if err != nil {
		return err
	}
	if p.Shared {
		if err := p.checkShared(ctx); err != nil {
			return err
		}
	}
	due := found.scrub
	if found.plain > 0 && !due {
		if err := p.noteScrub(ctx); err != nil {
			return err
		}
		due = true
	}
	if err := p.rewrite(ctx); err != nil {
		return err
	}
	if p.Shared {
		// Another server may have been the first to store something.
		if err := p.checkShared(ctx); err != nil {
			return err
		}
	}
	if !due {
		return nil
	}
	// Once more: what was replaced at a revision can go after a later one.
	if err := p.noteScrub(ctx); err != nil {
		return err
	}
	if err := scrub(ctx); err != nil {
		return &ScrubError{err}
	}
	if _, err := p.kv.Txn(ctx).Then(clientv3.OpDelete(scrubKey)).Commit(); err != nil {
		return fmt.Errorf("note that Secrets were encrypted: %w", err)
	}
	return nil
}

func (p *Provider) noteScrub(ctx context.Context) error {
	if _, err := p.kv.Txn(ctx).Then(clientv3.OpPut(scrubKey, "")).Commit(); err != nil {
		return fmt.Errorf("note that Secrets are being encrypted: %w", err)
	}
	return nil
}

// ScrubError says that all values are encrypted, and that remains of plain ones may be in the
// database's files.
type ScrubError struct{ Err error }

func (e *ScrubError) Error() string {
	return fmt.Sprintf("Secrets that were not encrypted have been, but remains of them may be in the database's files: %v", e.Err)
}

// Unwrap returns the cause.
func (e *ScrubError) Unwrap() error { return e.Err }

// state is what a storage has.
type state struct {
	plain int
	scrub bool
}

// scan decrypts every value once.
func (p *Provider) scan(ctx context.Context) (state, error) {
	var s state
	missing, known := map[string]*KeyError{}, map[string]bool{}
	see := func(resource schema.GroupResource, key, stored []byte) {
		label := keyOf(stored)
		_, stale, err := p.TransformerForResource(resource).TransformFromStorage(ctx, stored, value.DefaultContext(key))
		switch {
		case err == nil:
			known[label] = true
			if stale && label == "" {
				s.plain++
			}
		case missing[label] == nil:
			missing[label] = &KeyError{File: p.file, Key: label, Values: 1, Example: string(key)}
		default:
			missing[label].Values++
		}
	}
	answer, err := p.kv.Get(ctx, "/ark-server/encryption/", clientv3.WithPrefix())
	if err != nil {
		return s, fmt.Errorf("look for the key of Secrets: %w", err)
	}
	for _, kv := range answer.Kvs {
		s.scrub = s.scrub || string(kv.Key) == scrubKey
	}
	for _, resource := range p.loaded.resources {
		if err := p.each(ctx, resource, func(key, stored []byte, _ int64) error { see(resource, key, stored); return nil }); err != nil {
			return s, err
		}
	}
	if !contains(p.loaded.resources, secrets) {
		if err := p.each(ctx, secrets, func(key, stored []byte, _ int64) error { see(secrets, key, stored); return nil }); err != nil {
			return s, err
		}
	}
	for label, e := range missing {
		// Of a key that others can be read with, a single value is damaged.
		if !known[label] {
			return s, e
		}
	}
	return s, nil
}

func contains(all []schema.GroupResource, one schema.GroupResource) bool {
	for _, r := range all {
		if r == one {
			return true
		}
	}
	return false
}

// each calls do with the values of a resource, page by page.
func (p *Provider) each(ctx context.Context, resource schema.GroupResource, do func(key, stored []byte, revision int64) error) error {
	first := prefix(resource)
	end := clientv3.GetPrefixRangeEnd(first)
	for {
		answer, err := p.kv.Get(ctx, first, clientv3.WithRange(end), clientv3.WithLimit(pageSize))
		if err != nil {
			return fmt.Errorf("read the stored %s: %w", resource, err)
		}
		for _, kv := range answer.Kvs {
			if err := do(kv.Key, kv.Value, kv.ModRevision); err != nil {
				return err
			}
		}
		if !answer.More || len(answer.Kvs) == 0 {
			return nil
		}
		first = string(answer.Kvs[len(answer.Kvs)-1].Key) + "\x00"
	}
}

// rewrite encrypts with the first key what is not. What cannot be decrypted stays as it is.
func (p *Provider) rewrite(ctx context.Context) error {
	for _, resource := range p.loaded.resources {
		err := p.each(ctx, resource, func(key, stored []byte, revision int64) error {
			return p.renew(ctx, resource, string(key), stored, revision)
		})
		if err != nil {
			return err
		}
	}
	answer, err := p.kv.Get(ctx, checkKey)
	if err != nil {
		return fmt.Errorf("read the check of the key of Secrets: %w", err)
	}
	if len(answer.Kvs) == 0 {
		return p.put(ctx, secrets, checkKey, []byte(checkText), 0)
	}
	stored, revision := answer.Kvs[0].Value, answer.Kvs[0].ModRevision
	if _, stale, err := p.TransformerForResource(secrets).TransformFromStorage(ctx, stored, value.DefaultContext(checkKey)); err == nil && !stale {
		return nil
	}
	return p.put(ctx, secrets, checkKey, []byte(checkText), revision)
}

// renew encrypts a value that is not encrypted with the first key.
func (p *Provider) renew(ctx context.Context, resource schema.GroupResource, key string, stored []byte, revision int64) error {
	plain, stale, err := p.TransformerForResource(resource).TransformFromStorage(ctx, stored, value.DefaultContext(key))
	if err != nil || !stale {
		return nil
	}
	return p.put(ctx, resource, key, plain, revision)
}

// put writes a value, if the storage has the one of a revision. Who has written it meanwhile has
// encrypted it.
func (p *Provider) put(ctx context.Context, resource schema.GroupResource, key string, plain []byte, revision int64) error {
	sealed, err := p.TransformerForResource(resource).TransformToStorage(ctx, plain, value.DefaultContext(key))
	if err != nil {
		return fmt.Errorf("encrypt %s: %w", key, err)
	}
	_, err = p.kv.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", revision)).Then(clientv3.OpPut(key, string(sealed))).Commit()
	if err != nil {
		return fmt.Errorf("store %s encrypted: %w", key, err)
	}
	return nil
}

// Decrypt returns the value of a key of a resource of the core group as it was before it was
// encrypted.
func (p *Provider) Decrypt(ctx context.Context, resource, key string, stored []byte) ([]byte, error) {
	plain, _, err := p.TransformerForResource(schema.GroupResource{Resource: resource}).TransformFromStorage(ctx, stored, value.DefaultContext(key))
	return plain, err
}

// Encrypt is the reverse of Decrypt.
func (p *Provider) Encrypt(ctx context.Context, resource, key string, plain []byte) ([]byte, error) {
	return p.TransformerForResource(schema.GroupResource{Resource: resource}).TransformToStorage(ctx, plain, value.DefaultContext(key))
}

// checkShared returns a KeyError if other servers encrypt with a key that this one does not have.
func (p *Provider) checkShared(ctx context.Context) error {
	err := checkWith(ctx, p.kv, p.file, p.transformers)
	var missing *KeyError
	if errors.As(err, &missing) {
		missing.Shared = true
	}
	return err
}

// Forget removes what says which key was used last, so that a server with another key can start.
// The error is a KeyError if there are Secrets that the keys of the file cannot decrypt: with them
// something would be lost.
func Forget(ctx context.Context, file string, kv clientv3.KV) error {
	p, err := Open(ctx, file, kv)
	if err != nil {
		return err
	}
	if _, err := p.scan(ctx); err != nil {
		return err
	}
	if _, err := kv.Txn(ctx).Then(clientv3.OpDelete(checkKey)).Commit(); err != nil {
		return fmt.Errorf("forget the key of Secrets: %w", err)
	}
	return nil
}

func checkWith(ctx context.Context, kv clientv3.KV, file string, with value.ResourceTransformers) error {
	answer, err := kv.Get(ctx, checkKey)
	if err != nil {
		return fmt.Errorf("look for the key of Secrets: %w", err)
	}
	if len(answer.Kvs) == 0 {
		return nil
	}
	return check(ctx, answer.Kvs[0].Value, file, with)
}

func check(ctx context.Context, stored []byte, file string, with value.ResourceTransformers) error {
	if _, _, err := with.TransformerForResource(secrets).TransformFromStorage(ctx, stored, value.DefaultContext(checkKey)); err != nil {
		return &KeyError{File: file, Key: keyOf(stored), Values: 1, Example: checkKey}
	}
	return nil
}

// Reader returns what decrypts and encrypts the values of a storage that a server has prepared, nil
// where none has: values are plain there. Unlike Open it makes sure that the keys are the right
// ones; the error is a KeyError if not.
func Reader(ctx context.Context, file string, kv clientv3.KV) (*Provider, error) {
	answer, err := kv.Get(ctx, checkKey)
	if err != nil {
		return nil, fmt.Errorf("look for the key of Secrets: %w", err)
	}
	if len(answer.Kvs) == 0 {
		return nil, nil
	}
	if err := checkFile(file, answer.Kvs[0].Value); err != nil {
		return nil, err
	}
	p, err := Open(ctx, file, kv)
	if err != nil {
		return nil, err
	}
	return p, checkWith(ctx, kv, file, p.transformers)
}

// checkFile returns a KeyError if there is no file and the check in a storage is encrypted.
func checkFile(file string, check []byte) error {
	if key := keyOf(check); key != "" {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return &KeyError{File: file, Key: key, Values: 1, Example: checkKey, Absent: true}
		}
	}
	return nil
}

// CheckKey is the key in a storage whose value Check takes, and SecretsPrefix that of the keys of
// Secrets.
const (
	CheckKey      = checkKey
	SecretsPrefix = layout.KeyPrefix + "/secrets/"
)

// Check returns a KeyError if the file lacks the key of a storage, by the value of CheckKey there;
// nil if it has none.
func Check(ctx context.Context, file string, stored []byte) error {
	if len(stored) == 0 {
		return nil
	}
	if err := checkFile(file, stored); err != nil {
		return err
	}
	config, err := load(ctx, file)
	if err != nil {
		return err
	}
	defer config.stop()
	return check(ctx, stored, file, encryptionconfig.StaticTransformers(config.Transformers))
}
