// Package engine kills servers whose engine executes queries, alone or in turn. It compares the
// results with the requests that the model and the tools have received, not with statuses.
package engine
