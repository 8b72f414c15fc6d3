package readmodel

import (
	"database/sql"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestNamespaces checks that all namespaces are found, and that the query plan does not read each
// object.
func TestNamespaces(t *testing.T) {
	m, err := Open(t.Context(), filepath.Join(t.TempDir(), "model.db"), newMemory(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	writer, err := sql.Open("sqlite", m.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }() // its writes are committed
	if got, err := m.Namespaces(t.Context()); err != nil || got != nil {
		t.Errorf("without objects: %v, %v", got, err)
	}
	for _, place := range []string{"Query b", "Query a", "Agent b", "Agent ", "Tool zz", "Query ä", "A2ATask 0"} {
		kind, namespace, _ := strings.Cut(place, " ")
		for _, name := range []string{"x", "y"} {
			if _, err := writer.ExecContext(t.Context(), "INSERT INTO objects(kind, namespace, name) VALUES (?, ?, ?)", kind, namespace, name); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := m.Namespaces(t.Context())
	if want := []string{"", "0", "a", "b", "zz", "ä"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	rows, err := m.reader.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+namespaces)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err returns the same error
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(step, "SCAN o") && !strings.Contains(step, "INDEX") {
			t.Errorf("the plan reads all objects: %s", step)
		}
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
}
