package demo

import (
	_ "embed" // the objects
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

//go:embed objects.yaml
var objects string

// Objects returns the YAML documents of the demo, for a model and a tool at a URL.
func Objects(url string) []string {
	return strings.Split(strings.ReplaceAll(objects, "{{url}}", url), "\n---\n")
}

// Handler serves the model and the tool.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/v1/", scripted.NewForgetful(script))
	mux.HandleFunc("/weather", func(w http.ResponseWriter, r *http.Request) {
		city := r.URL.Query().Get("city")
		_, _ = fmt.Fprintf(w, "%s: %d degrees, %s", city, 5+len(city)*3%20, []string{"sunny", "cloudy", "rain"}[len(city)%3]) // the client may be gone
	})
	return mux
}

// script is the model's script: it calls the tool once, if there is one, and repeats the result.
func script(r scripted.Request) scripted.Answer {
	last := r.Messages[len(r.Messages)-1]
	hasTool := slices.ContainsFunc(r.Tools, func(t json.RawMessage) bool { return strings.Contains(string(t), `"weather"`) })
	switch {
	case last.Role == "tool":
		return scripted.Answer{Text: "I have looked it up. " + result(last.Text()) + "."}
	case hasTool:
		text, err := json.Marshal(map[string]string{"city": city(last.Text())})
		if err != nil {
			return scripted.Answer{Status: http.StatusInternalServerError, Text: "the question cannot be read"}
		}
		return scripted.Answer{Calls: []scripted.Call{{Name: "weather", Arguments: string(text)}}}
	}
	for _, m := range slices.Backward(r.Messages) {
		if m.Role == "assistant" && m.Text() != "" {
			return scripted.Answer{Text: "In short: " + m.Text()}
		}
	}
	return scripted.Answer{Text: "I am a script, and you said: " + last.Text()}
}

// city returns the last word of a question that begins with a capital letter.
func city(question string) string {
	found := "Oslo"
	for i, word := range strings.Fields(question) {
		word = strings.Trim(word, ".,;:!?")
		if i > 0 && word != "" && strings.ToUpper(word[:1]) == word[:1] && strings.ToLower(word[:1]) != word[:1] {
			found = word
		}
	}
	return found
}

// result returns the line of a tool's answer that the tool wrote, without the engine's wrapper.
func result(text string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, "degrees") {
			return strings.TrimSpace(line)
		}
	}
	return text
}
