package mvcc

import "errors"

var (
	// ErrCompacted: the revision asked for lies below the compacted one, or
	// is not above it for a compaction.
	ErrCompacted = errors.New("required revision has been compacted")
	// ErrFutureRevision: the revision asked for has not been written yet.
	ErrFutureRevision = errors.New("required revision is a future revision")
	ErrLeaseNotFound  = errors.New("requested lease not found")
	ErrLeaseExists    = errors.New("lease already exists")
	ErrLeaseTTL       = errors.New("lease TTL out of range")
	// ErrKeyNotFound: a put that keeps the present value or lease names a key
	// that does not exist.
	ErrKeyNotFound = errors.New("key not found")
	// ErrTooManyChanges: one revision would change more keys than it may.
	ErrTooManyChanges = errors.New("too many changes in one transaction")
	// ErrUnavailable: the engine failed and nothing was written. The request
	// may be sent again. Wrapped with the engine's error.
	ErrUnavailable = errors.New("storage unavailable, nothing was written")
	// ErrNoSpace: like ErrUnavailable, because the disk is full.
	ErrNoSpace = errors.New("no space left for the database, nothing was written")
	// ErrKeyLives: the batch creates a key that the database has already, so the copy of the data
	// that it was decided on lacks keys. Nothing was written, and trying again does not help.
	ErrKeyLives = errors.New("the database already has a key that this replica takes for a new one, nothing was written: this replica's copy of the data is not complete: restart it")
	// ErrUnknownOutcome: the engine failed while it committed, and whether the
	// write took place cannot be told. Read before trying again.
	ErrUnknownOutcome = errors.New("storage failed during the commit, the outcome is unknown")
	// ErrSideChanged: the condition of a change of side tables did not hold, and nothing was written.
	ErrSideChanged = errors.New("the side table has changed, nothing was written")
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("store closed")
)
