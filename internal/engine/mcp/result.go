package mcp

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// Result is the result of a tool call.
type Result struct {
	// Text is the concatenation of the texts. Content that is not text is added as JSON, and an image
	// as a placeholder.
	Text string
	// Images are data URLs.
	Images []string
	// Failed is true if the tool reports an error, whose message is Text.
	Failed bool
}

func resultOf(from *sdk.CallToolResult) (Result, error) {
	out := Result{Failed: from.IsError}
	var text strings.Builder
	for _, content := range from.Content {
		switch c := content.(type) {
		case *sdk.TextContent:
			text.WriteString(c.Text)
		case *sdk.ImageContent:
			fmt.Fprintf(&text, "[image: %s, %d bytes]", c.MIMEType, len(c.Data))
			out.Images = append(out.Images, "data:"+c.MIMEType+";base64,"+base64.StdEncoding.EncodeToString(c.Data))
		default:
			data, err := json.MarshalIndent(content, "", "  ")
			if err != nil {
				return out, fmt.Errorf("encode a part of the result: %w", err)
			}
			text.Write(data)
		}
	}
	out.Text = strings.ToValidUTF8(text.String(), "\uFFFD")
	return out, nil
}
