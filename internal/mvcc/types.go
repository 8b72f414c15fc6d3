package mvcc

import "time"

// LeaseID names a lease; 0 is "no lease".
type LeaseID int64

// KeyValue is one version of one key. It is immutable once a Store has
// returned or received it: its slices are shared between readers.
type KeyValue struct {
	Key   []byte
	Value []byte
	// CreateRevision is the revision of the put that made the key exist,
	// ModRevision that of its last put.
	CreateRevision int64
	ModRevision    int64
	// CreatePosition is the place of that creating put among the changes of
	// its revision: with CreateRevision it names one life of one key.
	CreatePosition int
	// Version counts the puts since creation, from 1.
	Version int64
	Lease   LeaseID
}

// EventType says what happened to a key.
type EventType uint8

const (
	EventPut EventType = iota
	EventDelete
)

// Event is one change of one key. For a delete, KV holds only Key and
// ModRevision (the revision of the delete). Prev is the version replaced or
// deleted, and nil when the event created the key. Immutable.
type Event struct {
	Type EventType
	KV   *KeyValue
	Prev *KeyValue
}

// Created says whether the event made its key exist.
func (e Event) Created() bool {
	return e.Type == EventPut && e.KV.CreateRevision == e.KV.ModRevision
}

// Actor is who asked for a write and how, as far as the front end knows. It is
// stored with every log row and never influences the outcome.
type Actor struct {
	User         string `json:"user,omitempty"`
	Groups       string `json:"groups,omitempty"` // comma separated
	Impersonator string `json:"impersonator,omitempty"`
	UserAgent    string `json:"userAgent,omitempty"`
	FieldManager string `json:"fieldManager,omitempty"`
	AuditID      string `json:"auditID,omitempty"`
	Verb         string `json:"verb,omitempty"`
}

// Span is a set of keys, as in etcd's requests:
//
//	End empty         the one key Key
//	End = "\x00"      every key >= Key
//	otherwise         Key <= k < End (empty when End <= Key)
type Span struct {
	Key, End []byte
}

// Range reads keys of a span.
type Range struct {
	Span
	// Revision to read at; 0 reads the newest.
	Revision int64
	// Limit on the number of keys returned; 0 is no limit.
	Limit     int64
	KeysOnly  bool
	CountOnly bool
	// Serializable is content with what this store knows: where other replicas
	// write too, that may be a moment old.
	Serializable bool
	// Sort is the zero value for key order.
	Sort Sort
	// Bounds on revisions; 0 is no bound. As in etcd they filter what is
	// returned, and Count stays the number of keys in the span.
	MinModRevision, MaxModRevision       int64
	MinCreateRevision, MaxCreateRevision int64
}

// SortOrder and SortTarget follow etcd's RangeRequest.
type SortOrder uint8

const (
	SortNone SortOrder = iota
	SortAscend
	SortDescend
)

type SortTarget uint8

const (
	SortByKey SortTarget = iota
	SortByVersion
	SortByCreate
	SortByMod
	SortByValue
)

// Sort asks for an order other than by key.
type Sort struct {
	Order  SortOrder
	Target SortTarget
}

// RangeResult answers a Range.
type RangeResult struct {
	// Revision of the store when the range was read (not the one asked for);
	// within a transaction that has written, the transaction's.
	Revision int64
	KVs      []*KeyValue
	// Count is the number of keys in the span at the revision read, whatever
	// the limit.
	Count int64
	// More says that the limit cut the answer short.
	More bool
}

// Op is one operation of a transaction: *Range, *Put, *Delete or *Txn.
type Op interface{ op() }

// Put writes a key.
type Put struct {
	Key, Value []byte
	Lease      LeaseID
	// PrevKV asks for the version replaced.
	PrevKV bool
	// IgnoreValue and IgnoreLease keep the present value or lease; the key
	// must exist (ErrKeyNotFound).
	IgnoreValue, IgnoreLease bool
}

// Delete removes the keys of a span.
type Delete struct {
	Span
	// PrevKV asks for the versions deleted.
	PrevKV bool
}

// Txn runs Then if every compare holds, otherwise Else. All its writes, nested
// ones included, share one revision. Reads in it see its earlier writes, unless
// they name a revision. As in etcd, all compares are decided before the first
// write; a caller that wants a key written at most once checks that itself.
type Txn struct {
	Compares []Compare
	Then     []Op
	Else     []Op
}

func (*Range) op()  {}
func (*Put) op()    {}
func (*Delete) op() {}
func (*Txn) op()    {}

// CompareTarget is the field that a Compare looks at.
type CompareTarget uint8

const (
	CompareVersion CompareTarget = iota
	CompareCreate
	CompareMod
	CompareValue
	CompareLease
)

// CompareResult is the relation that a Compare demands.
type CompareResult uint8

const (
	Equal CompareResult = iota
	Greater
	Less
	NotEqual
)

// Compare demands that every key of Span has the relation Result to the
// operand: Value for CompareValue, Int for the other targets. A missing key of a
// one-key span compares as all zeros, but never holds for CompareValue; an
// empty range holds for every target but CompareValue when zeros do.
type Compare struct {
	Span
	Target CompareTarget
	Result CompareResult
	Int    int64
	Value  []byte
}

// OpResult answers one Op: *RangeResult, *PutResult, *DeleteResult or
// *TxnResult.
type OpResult interface{ opResult() }

// PutResult answers a Put.
type PutResult struct {
	Revision int64
	Prev     *KeyValue // only if asked for and the key existed
}

// DeleteResult answers a Delete.
type DeleteResult struct {
	// Revision of the transaction once it has written, before that of the
	// store.
	Revision int64
	Deleted  int64
	Prev     []*KeyValue // only if asked for
}

// TxnResult answers a Txn.
type TxnResult struct {
	// Revision of the transaction if it wrote, otherwise of the store when it
	// was decided.
	Revision  int64
	Succeeded bool
	// Results has one entry for each op of the branch taken.
	Results []OpResult
}

func (*RangeResult) opResult()  {}
func (*PutResult) opResult()    {}
func (*DeleteResult) opResult() {}
func (*TxnResult) opResult()    {}

// Lease describes a lease at one moment.
type Lease struct {
	ID LeaseID
	// TTL is the one granted, in whole seconds.
	TTL int64
	// Deadline is when it expires.
	Deadline time.Time
	// Keys attached, in key order; filled only where asked for.
	Keys [][]byte
}
