package readmodel

import (
	"strings"

	"github.com/mckinsey/ark-server/internal/search/token"
)

// words returns a text as the index stores it.
func words(text string) string { return strings.Join(token.Index(text), " ") }

// Texts returns the columns that search uses in addition to the name: a description, the input or
// prompt, and the output. "" stands for none.
func (k Kind) Texts() [3]string {
	texts := [3]string{"''", "''", "''"}
	for _, c := range k.Columns {
		switch c.Name {
		case "description":
			texts[0] = c.Name
		case "prompt", "input":
			texts[1] = c.Name
		case "output", "error", "message":
			texts[2] = c.Name
		}
	}
	return texts
}

// agent returns the agent of a row, nil for none.
func (k Kind) agent(row map[string]any) any {
	switch {
	case k.Resource == "agents":
		return row["name"]
	case row["target_type"] == "agent":
		return row["target_name"]
	}
	return row["agent"]
}
