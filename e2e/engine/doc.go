// Package engine kills servers whose engine executes queries, alone or in turn, and holds what
// becomes of them against what the model and the tools were asked: by that count, not by statuses.
package engine
