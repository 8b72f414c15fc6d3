// Package engine kills servers whose engine executes queries, and holds what the others make of them against what the model was
// asked.
package engine
