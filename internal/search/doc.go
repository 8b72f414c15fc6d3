// Package search finds objects by the words in their texts, in the read model.
//
//   - parse.go: the language, as a grammar
//   - run.go: finding, counting and returning objects
//   - scope.go: restriction of the match to a caller's rights
//   - rank.go: the order by relevance
//   - snippet.go: excerpts of texts
//
// Invariants:
//
//   - Rights restrict the match in the index, before any matching object is read; if nothing may be
//     found, no statement runs.
//   - Only rows that the caller may list are matched, counted and ranked: the word statistics cover
//     only the objects that were found.
//   - Every input of a user is answered, or refused with *Error.
//
// The package may import internal/readmodel, internal/search/token and internal/sqlquery.
package search
