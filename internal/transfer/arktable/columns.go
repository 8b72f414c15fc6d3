package arktable

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// column is one that an object is made of.
type column struct {
	name string
	// cast is the type in which it is read. JSON is read as text, so that nothing decodes it on the
	// way.
	cast string
	// since says that releases of Ark before some have no such column.
	since bool
	// missing says that this table has it not.
	missing bool
}

// columns are those that ark-apiserver reads.
func columns() []column {
	return []column{
		{name: "id", cast: "bigint"}, {name: "kind", cast: "text"}, {name: "namespace", cast: "text"}, {name: "name", cast: "text"},
		{name: "resource_version", cast: "bigint"}, {name: "generation", cast: "bigint"}, {name: "uid", cast: "text"},
		{name: "spec", cast: "text"}, {name: "status", cast: "text"}, {name: "labels", cast: "text"}, {name: "annotations", cast: "text"},
		{name: "created_at", cast: "timestamptz"}, {name: "deleted_at", cast: "timestamptz"},
		{name: "finalizers", cast: "text", since: true}, {name: "owner_references", cast: "text", since: true},
		{name: "deletion_timestamp", cast: "timestamptz", since: true}, {name: "api_version", cast: "text", since: true},
	}
}

// columnsOf looks which columns the table has. Errors: it lacks one that every release of Ark has
// had.
func columnsOf(ctx context.Context, tx pgx.Tx) ([]column, error) {
	rows, err := tx.Query(ctx, "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass('resources') AND attnum > 0 AND NOT attisdropped")
	if err != nil {
		return nil, fmt.Errorf("look which columns the table has: %w", err)
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look which columns the table has: %w", err)
	}
	var lacks []string
	all := columns()
	for i, c := range all {
		if slices.Contains(there, c.name) {
			continue
		}
		if all[i].missing = true; !c.since {
			lacks = append(lacks, c.name)
		}
	}
	if len(lacks) > 0 {
		return nil, fmt.Errorf("the table resources is not that of Ark's ark-apiserver: it has no column %s", strings.Join(lacks, ", "))
	}
	return all, nil
}

// list is what a SELECT names, NULL for what is missing.
func list(all []column) string {
	var parts []string
	for _, c := range all {
		if c.missing {
			parts = append(parts, "NULL::"+c.cast)
			continue
		}
		parts = append(parts, c.name+"::"+c.cast)
	}
	return strings.Join(parts, ", ")
}
