// Package sqlviews writes the views of the read model as SQL over the tables in which PostgreSQL
// and MySQL keep the objects, for BI tools that log in to the database itself.
//
//   - views.go: the views, in the words of a dialect
//   - postgres.go, mysql.go: the dialects
//
// Invariants: a view has the columns of the read model's, and where a column can be read from the
// stored object, its values. What is no object as JSON, such as what is encrypted at rest, is in no
// view. No text fails a view, whatever characters are in it.
//
// The package may import internal/database and internal/readmodel.
package sqlviews
