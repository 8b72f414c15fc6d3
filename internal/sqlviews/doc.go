// Package sqlviews generates the views of the read model as SQL over the tables in which PostgreSQL
// and MySQL store the objects, for BI tools that log in to the database itself.
//
//   - views.go: the views, in terms of a dialect
//   - postgres.go, mysql.go: the dialects
//
// Invariants: a view has the same columns as the read model's view, with the same values for
// columns that can be read from the stored object. Values that are not JSON objects, such as those
// encrypted at rest, are in no view. No text makes a view fail, regardless of its characters.
//
// The package may import internal/database and internal/readmodel.
package sqlviews
