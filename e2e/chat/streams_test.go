package chat

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
)

const streamObjects = `
{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"guide"},"spec":{"prompt":"You are the guide."}}
{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"editor"},"spec":{"prompt":"You are the editor."}}
{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"tooled"},"spec":{"prompt":"You are the guide.","tools":[{"type":"built-in","name":"noop"}]}}
{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Tool","metadata":{"name":"noop"},"spec":{"type":"builtin","builtin":{"name":"noop"}}}
{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Team","metadata":{"name":"news"},"spec":{"strategy":"sequential","members":[{"type":"agent","name":"guide"},{"type":"agent","name":"editor"}]}}`

// testStreams holds the chunks that clients of Ark's broker read against those that Ark's engine
// writes for the same conversations, field by field: testdata/streams.golden, whose chunks the SDK
// of Ark's engine has encoded.
func testStreams(t *testing.T, w *world) {
	const namespace = "streams"
	w.namespace(namespace)
	_, model := w.call(http.MethodGet, queriesPath("models", "default"), "")
	var spec struct {
		Spec json.RawMessage `json:"spec"`
	}
	if err := json.Unmarshal([]byte(model), &spec); err != nil {
		t.Fatal(err)
	}
	create := func(text string) (uid string) {
		t.Helper()
		var of struct {
			Kind     string
			Metadata struct{ UID string }
		}
		if err := json.Unmarshal([]byte(text), &of); err != nil {
			t.Fatal(err)
		}
		code, body := w.call(http.MethodPost, strings.Replace(queriesPath(plurals[of.Kind], ""), "/default/", "/"+namespace+"/", 1), text)
		if code != http.StatusCreated || json.Unmarshal([]byte(body), &of) != nil {
			t.Fatalf("%s: %d %s", text, code, body)
		}
		return of.Metadata.UID
	}
	create(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Model","metadata":{"name":"default"},"spec":` + string(spec.Spec) + `}`)
	for text := range strings.Lines(strings.TrimSpace(streamObjects)) {
		create(text)
	}
	wanted := map[string][]string{}
	text, err := os.ReadFile("testdata/streams.golden")
	if err != nil {
		t.Fatal(err)
	}
	section := ""
	for line := range strings.Lines(strings.TrimSpace(string(text))) {
		if name, ok := strings.CutPrefix(line, "== "); ok {
			section = strings.TrimSpace(name)
			continue
		}
		wanted[section] = append(wanted[section], line)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for name, spec := range map[string]string{
		"agent": `"input":"golden","target":{"type":"agent","name":"guide"}`,
		"team":  `"input":"golden","sessionId":"talk","target":{"type":"team","name":"news"}`,
		"tool":  `"input":"use noop","target":{"type":"agent","name":"tooled"}`,
		"error": `"input":"fail","target":{"type":"agent","name":"guide"}`,
	} {
		// A reader who is there before the Query reads the same as one who comes when it has ended.
		path := "/namespaces/" + namespace + "/stream/" + name + "?from-beginning=true&wait-for-query=300"
		early := w.request(ctx, http.MethodGet, path, nil)
		uid := create(`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"` + name + `"},"spec":{` + spec + `}}`)
		live := events(t, early.Body)
		early.Body.Close()
		late := w.request(ctx, http.MethodGet, path, nil)
		again := events(t, late.Body)
		late.Body.Close()
		for how, got := range map[string][]string{"live": live, "afterwards": again} {
			if len(got) != len(wanted[name])+1 || got[len(got)-1] != "[DONE]" {
				t.Errorf("%s, %s: got %d events, want %d:\n%s", name, how, len(got), len(wanted[name])+1, strings.Join(got, "\n"))
				continue
			}
			for i, want := range wanted[name] {
				masked, stored := maskChunk(t, got[i], uid, name)
				if !reflect.DeepEqual(masked, decoded(t, want)) {
					text, _ := json.Marshal(masked)
					t.Errorf("%s, %s: chunk %d is\n%s\nwant\n%s", name, how, i, text, want)
				}
				if stored == nil {
					continue
				}
				_, body := w.call(http.MethodGet, strings.Replace(queriesPath("queries", name), "/default/", "/"+namespace+"/", 1), "")
				now, _ := decoded(t, body).(map[string]any)
				delete(now["metadata"].(map[string]any), "managedFields")
				if !reflect.DeepEqual(stored, now) {
					t.Errorf("%s: the completed query is %v, stored is %v", name, stored, now)
				}
			}
		}
	}
}

func decoded(t *testing.T, text string) (out any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

// maskChunk replaces what differs from run to run, and reduces the completed Query to what is the
// same in Ark's; it returns the whole one, too.
func maskChunk(t *testing.T, data, uid, query string) (chunk map[string]any, completed any) {
	t.Helper()
	chunk, _ = decoded(t, strings.ReplaceAll(data, uid, "UID")).(map[string]any)
	if chunk["model"] == query {
		chunk["model"] = "QUERY"
	}
	if n, _ := chunk["created"].(float64); n != 0 {
		chunk["created"] = 1.0
	}
	fault, _ := chunk["error"].(map[string]any)
	if text, _ := fault["message"].(string); strings.Contains(text, "the model does not like that") {
		fault["message"] = "ERROR"
	}
	ark, _ := chunk["ark"].(map[string]any)
	if ark["completedQuery"] == nil {
		return chunk, nil
	}
	var whole struct {
		Ark struct{ CompletedQuery json.RawMessage }
	}
	if err := json.Unmarshal([]byte(data), &whole); err != nil {
		t.Fatal(err)
	}
	status, _ := ark["completedQuery"].(map[string]any)["status"].(map[string]any)
	response, _ := status["response"].(map[string]any)
	tokens, _ := status["tokenUsage"].(map[string]any)
	content, _ := response["content"].(string)
	if strings.Contains(content, "the model does not like that") {
		content = "ERROR"
	}
	total, _ := tokens["totalTokens"].(float64)
	ark["completedQuery"] = map[string]any{"phase": status["phase"], "content": content, "tokens": total}
	return chunk, decoded(t, string(whole.Ark.CompletedQuery))
}
