package mvcc

import (
	"context"
	"sync"
)

// loadChunk is how many keys go from a part to the receiver at a time.
const loadChunk = 256

// LoadPart reads some of the keys and passes each to send, all from one goroutine.
type LoadPart func(ctx context.Context, send func(*KeyValue) error) error

// LoadParts reads all parts at once and passes their keys to each, in any order: what
// every Engine.Load does. each is called from the caller's goroutine. LoadParts returns
// when all parts have ended: the number of keys, and the first error of a
// part or of each, which ends the other parts' ctx.
func LoadParts(ctx context.Context, parts []LoadPart, each func(*KeyValue) error) (int, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	chunks := make(chan []*KeyValue)
	var reading sync.WaitGroup
	for _, part := range parts {
		reading.Go(func() {
			var chunk []*KeyValue
			flush := func() error {
				select {
				case chunks <- chunk:
					chunk = make([]*KeyValue, 0, loadChunk)
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			err := part(ctx, func(kv *KeyValue) error {
				if chunk = append(chunk, kv); len(chunk) < loadChunk {
					return nil
				}
				return flush()
			})
			if err == nil {
				err = flush()
			}
			if err != nil {
				stop(err) // the first one counts
			}
		})
	}
	go func() {
		reading.Wait()
		close(chunks)
	}()
	n := 0
	for chunk := range chunks {
		for _, kv := range chunk {
			if ctx.Err() != nil {
				break
			}
			if err := each(kv); err != nil {
				stop(err)
			}
			n++
		}
	}
	return n, context.Cause(ctx)
}
