package chat

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// toolName matches the tool names that clients accept.
var toolName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)

const (
	inputSchema = `{"type":"object","properties":{"input":{"type":"string","description":"The text to ask"},` +
		`"sessionId":{"type":"string","description":"Groups queries that belong together"},` +
		`"conversationId":{"type":"string","description":"Goes on with a conversation"},` +
		`"timeout":{"type":"string","description":"Such as 5m"}},"required":["input"]}`
	querySchema = `{"type":"object","properties":{"target":{"type":"string","description":"Whom to ask: agent/NAME, team/NAME, model/NAME or tool/NAME"},` +
		`"input":{"type":"string","description":"The text to ask; for a tool the JSON of its arguments"},` +
		`"sessionId":{"type":"string"},"conversationId":{"type":"string"},"timeout":{"type":"string","description":"Such as 5m"}},"required":["target","input"]}`
	searchSchema = `{"type":"object","properties":{"query":{"type":"string","description":"Words; \"phrases\"; kind:Agent, phase:error and other fields"},` +
		`"limit":{"type":"integer","minimum":1,"maximum":100}},"required":["query"]}`
)

// question has the arguments of a tool that creates a Query.
type question struct {
	Target         string `json:"target"`
	Input          string `json:"input"`
	SessionID      string `json:"sessionId"`
	ConversationID string `json:"conversationId"`
	Timeout        string `json:"timeout"`
}

// addTargets adds one tool for each agent and team that the user may query.
func (s *session) addTargets(to *mcp.Server) {
	left := s.maxTools
	for _, kind := range []v1alpha1.QueryTargetType{v1alpha1.QueryTargetAgent, v1alpha1.QueryTargetTeam} {
		found, err := s.server.visible(s.r.Context(), s.who, s.namespace, kind)
		if err != nil {
			continue // the other tools report the error
		}
		slices.SortFunc(found, func(a, b v1Object) int { return cmp.Compare(a.Metadata.Name, b.Metadata.Name) })
		for _, o := range found {
			name := string(kind) + "_" + o.Metadata.Name
			if left == 0 || !toolName.MatchString(name) {
				continue
			}
			left--
			id := target{kind: kind, name: o.Metadata.Name}.id()
			description := cmp.Or(o.Spec.Description, "Asks the "+string(kind)+" "+o.Metadata.Name+" of Ark.")
			s.add(to, name, description, inputSchema, nil, func(ctx context.Context, arguments json.RawMessage) (string, error) {
				var q question
				if err := json.Unmarshal(arguments, &q); err != nil {
					return "", err
				}
				q.Target = id
				return s.ask(ctx, q)
			})
		}
	}
}

// reading annotates tools that change nothing.
var reading = &mcp.ToolAnnotations{ReadOnlyHint: true, IdempotentHint: true}

func (s *session) addQuery(to *mcp.Server) {
	s.add(to, "query", "Asks an agent, a team, a model or a tool of Ark, and returns the answer.", querySchema, nil, func(ctx context.Context, arguments json.RawMessage) (string, error) {
		var q question
		if err := json.Unmarshal(arguments, &q); err != nil {
			return "", err
		}
		return s.ask(ctx, q)
	})
}

// addSearch adds the search of the records group, with the user's own permissions.
func (s *session) addSearch(to *mcp.Server) {
	s.add(to, "search", "Finds Ark's objects of the namespace by their texts, with snippets.", searchSchema, reading, func(ctx context.Context, arguments json.RawMessage) (string, error) {
		var asked struct {
			Query string `json:"query"`
			Limit int    `json:"limit"`
		}
		if err := json.Unmarshal(arguments, &asked); err != nil {
			return "", err
		}
		var found struct {
			Status json.RawMessage `json:"status"`
		}
		spec := map[string]any{"query": asked.Query, "limit": cmp.Or(asked.Limit, 20)}
		err := s.who.call(ctx, http.MethodPost, "/apis/records.ark.mckinsey.com/v1alpha1/namespaces/"+s.namespace+"/searches", map[string]any{
			"apiVersion": "records.ark.mckinsey.com/v1alpha1", "kind": "Search", "spec": spec,
		}, &found)
		return string(found.Status), err
	})
}

// listed returns the namespaced resources, with their versions.
func listed() map[string]string {
	out := map[string]string{}
	for _, kind := range install.Kinds() {
		if !kind.ClusterScoped {
			out[kind.Plural] = kind.GroupVersion.String()
		}
	}
	return out
}

// row is an object's entry in a list.
type row struct {
	Name        string `json:"name"`
	Created     string `json:"created,omitempty"`
	Description string `json:"description,omitempty"`
	Phase       string `json:"phase,omitempty"`
	Answer      string `json:"answer,omitempty"`
}

// maxShown is the most characters of a text in a list.
const maxShown = 500

func (s *session) addList(to *mcp.Server) {
	all := listed()
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	schema := `{"type":"object","properties":{"kind":{"type":"string","enum":` + string(encode(names)) + `},` +
		`"limit":{"type":"integer","minimum":1,"maximum":500},"continue":{"type":"string","description":"Of the page before"},` +
		`"labelSelector":{"type":"string"},"fieldSelector":{"type":"string","description":"Such as status.phase=error"}},"required":["kind"]}`
	s.add(to, "list", "Lists Ark's objects of one kind in the namespace; of queries with their phase and the beginning of their answer.", schema, reading, func(ctx context.Context, arguments json.RawMessage) (string, error) {
		var asked struct {
			Kind          string `json:"kind"`
			Limit         int    `json:"limit"`
			Continue      string `json:"continue"`
			LabelSelector string `json:"labelSelector"`
			FieldSelector string `json:"fieldSelector"`
		}
		if err := json.Unmarshal(arguments, &asked); err != nil {
			return "", err
		}
		version, ok := all[asked.Kind]
		if !ok {
			return "", fmt.Errorf("kind is %q: use one of %s", asked.Kind, strings.Join(names, ", "))
		}
		parameters := url.Values{"limit": {strconv.Itoa(cmp.Or(asked.Limit, 100))}}
		for name, value := range map[string]string{"continue": asked.Continue, "labelSelector": asked.LabelSelector, "fieldSelector": asked.FieldSelector} {
			if value != "" {
				parameters.Set(name, value)
			}
		}
		var page struct {
			Metadata struct {
				Continue string `json:"continue"`
			} `json:"metadata"`
			Items []json.RawMessage `json:"items"`
		}
		path := "/apis/" + version + "/namespaces/" + s.namespace + "/" + asked.Kind + "?" + parameters.Encode()
		if err := s.who.call(ctx, http.MethodGet, path, nil, &page); err != nil {
			return "", err
		}
		out := struct {
			Items    []row  `json:"items"`
			Continue string `json:"continue,omitempty"`
		}{[]row{}, page.Metadata.Continue}
		for _, item := range page.Items {
			var o v1Object
			_ = json.Unmarshal(item, &o) // a field that another kind defines with another type stays empty
			out.Items = append(out.Items, row{
				o.Metadata.Name, o.Metadata.CreationTimestamp.UTC().Format("2006-01-02T15:04:05Z"),
				shorten(o.Spec.Description), o.Status.Phase, shorten(o.Status.Response.Content),
			})
		}
		return string(encode(out)), nil
	})
}

// shorten truncates a text to maxShown characters.
func shorten(long string) string {
	runes := []rune(long)
	if len(runes) <= maxShown {
		return long
	}
	return string(runes[:maxShown-1]) + "…"
}

// add adds a tool whose answer is a text. An error is also an answer, so that the calling model can
// read it.
func (s *session) add(to *mcp.Server, name, description, schema string, hints *mcp.ToolAnnotations, run func(context.Context, json.RawMessage) (string, error)) {
	tool := &mcp.Tool{Name: name, Description: description, InputSchema: json.RawMessage(schema), Annotations: hints}
	to.AddTool(tool, func(ctx context.Context, call *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(s.r.Context(), stop)() // clients of older revisions disconnect without a message
		arguments := call.Params.Arguments
		if len(arguments) == 0 {
			arguments = json.RawMessage("{}")
		}
		ended := s.progress(ctx, call)
		answer, err := run(ctx, arguments)
		ended()
		if err != nil {
			return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: err.Error()}}}, nil
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: answer}}}, nil
	})
}
