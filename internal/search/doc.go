// Package search finds objects by the words in their texts, in the read model.
//
//   - parse.go: the language, as a grammar
//   - run.go: what is found, counted and returned
//   - scope.go: where a caller's rights let the index look
//   - rank.go: the order by relevance
//   - snippet.go: the parts of texts that are shown
//
// Invariants:
//
//   - Rights limit the match in the index, before anything is read of what matches; where nothing
//     may be found, no statement runs.
//   - Only rows that the caller may list are matched, counted and ranked: the statistics of words
//     are those of what was found.
//   - Whatever a user types is answered or refused with *Error.
//
// The package may import internal/readmodel, internal/search/token and internal/sqlquery.
package search
