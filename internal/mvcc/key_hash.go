package mvcc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
)

// KeyHash is what a database tells live keys apart by, where keys are too long for an index: the
// first 16 bytes of the SHA-256. See decision 35.
func KeyHash(key []byte) []byte {
	sum := sha256.Sum256(key)
	return sum[:16]
}

// HashKeys gives live keys that a release without hashes wrote theirs. some does so for a number
// of them and returns that number; its error is ErrKeyLives where two rows have the same key.
func HashKeys(ctx context.Context, log *slog.Logger, some func(context.Context) (int, error)) error {
	total := 0
	for {
		n, err := some(ctx)
		total += n
		switch {
		case errors.Is(err, ErrKeyLives):
			return fmt.Errorf("the database is damaged: two live rows have the same key: restore a backup: %w", err)
		case err != nil:
			return fmt.Errorf("give keys of an earlier release their hashes: %w", err)
		case n > 0:
			continue
		case total > 0:
			log.Info("gave keys of an earlier release their hashes", "keys", total)
		}
		return nil
	}
}
