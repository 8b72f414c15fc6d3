package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/mckinsey/ark-server/internal/apiserver/layout"
)

const (
	objectPrefix = layout.KeyPrefix + "/"
	// recordPrefix is no part of what an API server reads.
	recordPrefix = "/ark-server/imported/"
	// pageSize is how many objects are read at once, at most.
	pageSize = 500
)

// Store is a server's storage. It is safe for concurrent use.
type Store struct {
	kv clientv3.KV
	// Fresh says that the storage was made just now, so that its revision tells nothing of who serves
	// it.
	Fresh bool
	// Sealer is how Secrets are stored; nil for as they are.
	Sealer Sealer
}

// Sealer encrypts and decrypts the value of a key of a core resource.
type Sealer interface {
	Encrypt(ctx context.Context, resource, key string, plain []byte) ([]byte, error)
	Decrypt(ctx context.Context, resource, key string, stored []byte) ([]byte, error)
}

// fromStored is the JSON of what is stored. What cannot be read stays as it is, and is no JSON.
func (s *Store) fromStored(ctx context.Context, path string, value []byte) []byte {
	if resource, ok := coreResource(path); ok && s.Sealer != nil {
		if plain, err := s.Sealer.Decrypt(ctx, resource, objectPrefix+path, value); err == nil {
			value = plain
		}
	}
	return fromStored(path, value)
}

// toStored is the reverse.
func (s *Store) toStored(ctx context.Context, path string, value []byte) ([]byte, error) {
	stored, err := toStored(path, value)
	if err != nil {
		return nil, err
	}
	if resource, ok := coreResource(path); ok && s.Sealer != nil {
		return s.Sealer.Encrypt(ctx, resource, objectPrefix+path, stored)
	}
	return stored, nil
}

// NewStore returns the storage that a client of the etcd protocol reaches. The client stays the
// caller's.
func NewStore(kv clientv3.KV) *Store { return &Store{kv: kv} }

// entry is what the storage has for one object.
type entry struct {
	// value is nil, and revision 0, where there is no object.
	value    []byte
	revision int64
	// record is nil where the object was not imported.
	record         *record
	recordRevision int64
}

// untouched says that nobody wrote the object since the record: an import writes both at once, an
// export the record later.
func (e entry) untouched() bool {
	return e.record != nil && 0 < e.revision && e.revision <= e.recordRevision
}

// look reads one object with its record.
func (s *Store) look(ctx context.Context, path string) (entry, error) {
	answer, err := s.kv.Txn(ctx).Then(clientv3.OpGet(objectPrefix+path), clientv3.OpGet(recordPrefix+path)).Commit()
	if err != nil {
		return entry{}, fmt.Errorf("read %s from the storage: %w", path, err)
	}
	var e entry
	if found := answer.Responses[0].GetResponseRange().Kvs; len(found) > 0 {
		e.value, e.revision = s.fromStored(ctx, path, found[0].Value), found[0].ModRevision
	}
	if found := answer.Responses[1].GetResponseRange().Kvs; len(found) > 0 {
		r, err := decodeRecord(found[0].Value)
		if err != nil {
			return entry{}, fmt.Errorf("%s: %w", path, err)
		}
		e.record, e.recordRevision = &r, found[0].ModRevision
	}
	return e, nil
}

// revision is the storage's newest.
func (s *Store) revision(ctx context.Context) (int64, error) {
	answer, err := s.kv.Get(ctx, recordPrefix, clientv3.WithCountOnly())
	if err != nil {
		return 0, fmt.Errorf("read the revision of the storage: %w", err)
	}
	return answer.Header.Revision, nil
}

// errChanged reports that the object was written between look and the write.
var errChanged = errors.New("changed meanwhile")

// put writes an object and its record, if the object is as it was found.
func (s *Store) put(ctx context.Context, path string, found entry, value []byte, r record) error {
	text, err := r.encode()
	if err != nil {
		return err
	}
	if value, err = s.toStored(ctx, path, value); err != nil {
		return err
	}
	return s.write(ctx, path, found, clientv3.OpPut(objectPrefix+path, string(value)), clientv3.OpPut(recordPrefix+path, text))
}

// note writes only the record, if the object is still of the revision.
func (s *Store) note(ctx context.Context, path string, revision int64, r record) error {
	text, err := r.encode()
	if err != nil {
		return err
	}
	return s.write(ctx, path, entry{revision: revision}, clientv3.OpPut(recordPrefix+path, text))
}

// remove deletes an object and its record, if the object is as it was found.
func (s *Store) remove(ctx context.Context, path string, found entry) error {
	return s.write(ctx, path, found, clientv3.OpDelete(objectPrefix+path), clientv3.OpDelete(recordPrefix+path))
}

func (s *Store) write(ctx context.Context, path string, found entry, ops ...clientv3.Op) error {
	answer, err := s.kv.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(objectPrefix+path), "=", found.revision)).Then(ops...).Commit()
	if err != nil {
		return fmt.Errorf("write %s to the storage: %w", path, explain(err))
	}
	if !answer.Succeeded {
		return errChanged
	}
	return nil
}

// errNoSpace is etcd's error in words that say what to do.
var errNoSpace = errors.New("the storage has no space left (its disk is full): make room and run this again, it goes on where it was")

// ErrTooLarge is etcd's error for an object above the limit.
var ErrTooLarge = errors.New("the storage does not take an object of this size")

func explain(err error) error {
	switch {
	case errors.Is(rpctypes.Error(err), rpctypes.ErrNoSpace):
		return errNoSpace
	case errors.Is(rpctypes.Error(err), rpctypes.ErrRequestTooLarge):
		return ErrTooLarge
	}
	return err
}

// kept is one key of a scan.
type kept struct {
	// path is the key without its prefix.
	path  string
	value []byte
}

// newest has scan read each page as it is when its turn comes, however long the scan takes: an old
// revision may be compacted in between.
const newest = -1

// scan reads the keys under a prefix page by page, all as of one revision: that given, or else the
// present one. It returns the revision.
func (s *Store) scan(ctx context.Context, prefix, place string, revision int64, page func([]kept) error) (int64, error) {
	first := prefix + place
	end := clientv3.GetPrefixRangeEnd(first)
	pages := newPages()
	for {
		answer, err := s.kv.Get(ctx, first, clientv3.WithRange(end), clientv3.WithLimit(int64(pages.limit)), clientv3.WithRev(max(revision, 0)))
		if err != nil {
			return revision, fmt.Errorf("list %s from the storage: %w", place, err)
		}
		if revision == 0 {
			revision = answer.Header.Revision
		}
		found := make([]kept, len(answer.Kvs))
		largest := 0
		for i, kv := range answer.Kvs {
			largest = max(largest, len(kv.Value))
			found[i] = kept{path: strings.TrimPrefix(string(kv.Key), prefix), value: kv.Value}
			if prefix == objectPrefix {
				found[i].value = s.fromStored(ctx, found[i].path, kv.Value)
			}
		}
		if len(found) > 0 {
			if err := page(found); err != nil {
				return revision, err
			}
		}
		if !answer.More || len(found) == 0 {
			return revision, nil
		}
		first = string(answer.Kvs[len(answer.Kvs)-1].Key) + "\x00"
		pages.read(largest)
	}
}
