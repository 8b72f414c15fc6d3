package arktable

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
)

// row is one of the table, in the order of columns.
type row struct {
	id                                int64
	kind, namespace, name             *string
	resourceVersion, generation       *int64
	uid                               *string
	spec, status, labels, annotations *string
	createdAt, deletedAt              pgtype.Timestamptz
	finalizers, owners                *string
	deletionTimestamp                 pgtype.Timestamptz
	apiVersion                        *string
}

func (r *row) fields() []any {
	return []any{
		&r.id, &r.kind, &r.namespace, &r.name, &r.resourceVersion, &r.generation, &r.uid, &r.spec, &r.status, &r.labels, &r.annotations,
		&r.createdAt, &r.deletedAt, &r.finalizers, &r.owners, &r.deletionTimestamp, &r.apiVersion,
	}
}

func or(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

// title names the object, and the row for whoever mends it.
func (r *row) title() string {
	return fmt.Sprintf("%s %s (id %d of the table resources)", or(r.kind), path.Join(or(r.namespace), or(r.name)), r.id)
}

// object puts the columns together. remarks are what the object lacks and gets here.
func (r *row) object(kinds []install.Kind) (text []byte, remarks []string, err error) {
	kind, known := find(kinds, or(r.kind))
	if !known {
		return nil, nil, fmt.Errorf("this ark-server knows no kind %q", or(r.kind))
	}
	version := kind.GroupVersion.String()
	// Rows that were written before there was the column have an empty one.
	if given := or(r.apiVersion); given != "" && given != version {
		return nil, nil, fmt.Errorf("it is of the version %q, and this ark-server knows the kind in %s only", given, version)
	}
	meta := map[string]any{"name": or(r.name)}
	switch {
	case kind.ClusterScoped:
	case or(r.namespace) == "":
		return nil, nil, errors.New("it has no namespace, which its kind needs")
	default:
		meta["namespace"] = *r.namespace
	}
	if uid := or(r.uid); uid != "" {
		meta["uid"] = uid
	} else {
		remarks = append(remarks, "it has no uid and gets one")
	}
	if r.resourceVersion != nil {
		meta["resourceVersion"] = fmt.Sprint(*r.resourceVersion)
	}
	if r.generation != nil {
		meta["generation"] = *r.generation
	}
	if created := stamp(r.createdAt); created != "" {
		meta["creationTimestamp"] = created
	} else {
		remarks = append(remarks, "it has no time of creation and gets that of the import")
	}
	if deletion := stamp(r.deletionTimestamp); deletion != "" {
		meta["deletionTimestamp"] = deletion
	}
	for field, value := range map[string]*string{"labels": r.labels, "annotations": r.annotations, "finalizers": r.finalizers, "ownerReferences": r.owners} {
		if value != nil && *value != "{}" && *value != "[]" && *value != "null" {
			meta[field] = json.RawMessage(*value)
		}
	}
	// ark-apiserver has Go structs for both, which are there in every object that it shows.
	content := map[string]any{"apiVersion": version, "kind": kind.Name, "metadata": meta, "spec": whole(r.spec), "status": whole(r.status)}
	text, err = json.Marshal(content)
	if err != nil {
		return nil, nil, fmt.Errorf("put its columns together: %w", err)
	}
	return text, remarks, nil
}

// whole is a JSON object as it is; an empty one for none.
func whole(text *string) json.RawMessage {
	if text == nil || *text == "null" {
		return json.RawMessage("{}")
	}
	return json.RawMessage(*text)
}

func find(kinds []install.Kind, name string) (install.Kind, bool) {
	for _, kind := range kinds {
		if kind.Name == name {
			return kind, true
		}
	}
	return install.Kind{}, false
}

// stamp is a time as the API writes it; empty for none, and for infinity, which PostgreSQL knows.
func stamp(at pgtype.Timestamptz) string {
	if !at.Valid || at.InfinityModifier != pgtype.Finite {
		return ""
	}
	return at.Time.UTC().Format(time.RFC3339)
}
