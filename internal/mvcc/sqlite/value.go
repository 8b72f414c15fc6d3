package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Value returns the newest value of a key in the database at path, which is not opened otherwise
// and not changed; nil where it has none. It reads the whole log.
func Value(ctx context.Context, path, key string) ([]byte, error) {
	c, err := connectReadOnly(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.close() }() // it only reads
	version, err := c.identify(ctx)
	if err != nil || version == 0 {
		return nil, err
	}
	var value []byte
	err = c.QueryRowContext(ctx, "SELECT value FROM log WHERE key = ? ORDER BY id DESC LIMIT 1", []byte(key)).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return value, nil
}

// Has reports whether a database, which is not opened otherwise and not changed, has a live key
// with a prefix.
func Has(ctx context.Context, path, prefix string) (bool, error) {
	c, err := connectReadOnly(ctx, path)
	if err != nil {
		return false, err
	}
	defer func() { _ = c.close() }() // it only reads
	version, err := c.identify(ctx)
	if err != nil || version == 0 {
		return false, err
	}
	var has bool
	err = c.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM state JOIN log ON log.id = state.id WHERE substr(log.key, 1, ?) = ?)", len(prefix), []byte(prefix)).Scan(&has)
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", prefix, err)
	}
	return has, nil
}
