// Package peer lets the replicas of one database find and call each other.
//
// # How it works
//
// A replica that joins writes a Member into the store, under a lease that it renews: where it
// listens, and the hash of the key of a certificate that it has made for itself. The others see it
// there. Calls go over HTTP/2 with TLS on both sides, and each side accepts exactly the key that
// the other's Member names: who can write to the database is a replica, and nobody else. No private
// key leaves its process.
//
// A Call is a request with one answer. A Stream is an answer in chunks that the callee sends as
// long as it likes; it waits where the caller does not read (HTTP/2 flow control), and neither
// holds up another stream.
//
// # Invariants
//
//  1. A call reaches the start of a process that it is meant for, or fails: another process at the
//     same address, or the same one after it had been taken for dead, answers ErrGone.
//  2. Recv of a Stream returns every chunk once and in order, then io.EOF; or an error. A stream
//     that breaks off, wherever, ends with an error.
//  3. A replica that is frozen, cut off or gone is an error for everybody who waits for it within
//     Notice. Within Notice after its last renewal it is no Member any more.
//  4. A replica that could not renew its lease knows that it is none any more no later than the
//     others do: it refuses calls until it has joined again, under a new ID.
//
// A Group is safe for concurrent use.
//
// The package may import internal/mvcc.
package peer
