package execution

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/mcp"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/outbound"
)

const (
	mcpTimeout = 30 * time.Second
	// annotationMCPSettings is the annotation of a Query with calls and headers by namespace/name of
	// an MCPServer.
	annotationMCPSettings = "ark.mckinsey.com/mcp-server-settings"
	accessTokenKey        = "access_token"
)

// mcpServer is an agent's connection to an MCP server. The first call connects, and the connection
// stays open for the run.
type mcpServer struct {
	run     *Run
	object  *v1alpha1.MCPServer
	owner   *v1alpha1.Agent
	session *mcp.Session
}

// mcpSettings are the settings of one server in the annotation.
type mcpSettings struct {
	ToolCalls []struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"toolCalls"`
	Headers map[string]string `json:"headers"`
}

// bindMCP creates a tool that calls a tool of an MCP server.
func (r *Run) bindMCP(ctx context.Context, t *tool, owner *v1alpha1.Agent, object *v1alpha1.Tool) error {
	spec := object.Spec.MCP
	if spec == nil || spec.MCPServerRef == nil || spec.ToolName == "" {
		return errors.New("it names no tool of an MCP server")
	}
	namespace := firstOf(deref(spec.MCPServerRef.Namespace), object.Namespace)
	server, err := r.mcpServer(ctx, owner, namespace, spec.MCPServerRef.Name)
	if err != nil {
		return err
	}
	t.kind, t.outside, t.once, t.lenient = "custom", true, !repeatable(object), true
	t.description = firstOf(t.description, "The tool "+spec.ToolName+" of the MCP server "+spec.MCPServerRef.Name)
	t.execute = func(ctx context.Context, args arguments) (output, error) {
		return server.call(ctx, spec.ToolName, args)
	}
	return nil
}

// mcpServer returns an agent's connection to a server. The headers depend on the agent.
func (r *Run) mcpServer(ctx context.Context, owner *v1alpha1.Agent, namespace, name string) (*mcpServer, error) {
	key := namespace + "/" + name
	if owner != nil {
		key += " " + owner.Namespace + "/" + owner.Name
	}
	if known := r.servers[key]; known != nil {
		return known, nil
	}
	s := &mcpServer{run: r, object: &v1alpha1.MCPServer{}, owner: owner}
	if err := r.get(ctx, "MCP server", "mcpservers", namespace, name, s.object); err != nil {
		return nil, err
	}
	if r.servers == nil {
		r.servers = map[string]*mcpServer{}
	}
	r.servers[key] = s
	return s, nil
}

func (s *mcpServer) close() {
	if s.session != nil {
		s.session.Close()
		s.session = nil
	}
}

func (s *mcpServer) call(ctx context.Context, tool string, args arguments) (output, error) {
	if err := s.connect(ctx); err != nil {
		return output{}, err
	}
	arguments, err := json.Marshal(args.values)
	if err != nil {
		return output{}, fmt.Errorf("encode the arguments: %w", err)
	}
	if limit, err := time.ParseDuration(deref(s.object.Spec.ToolCallTimeout)); err == nil && limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %s", limit))
		defer cancel()
	}
	result, err := s.session.Call(ctx, tool, arguments)
	if err != nil {
		// A session may have ended if a call on it has failed.
		s.close()
		return output{}, fmt.Errorf("MCP server %s: %w", s.object.Name, err)
	}
	size := len(result.Text)
	for _, image := range result.Images {
		size += len(image)
	}
	if size > maxToolResult {
		return output{}, fmt.Errorf("MCP server %s: %w", s.object.Name, &outbound.TooLargeError{Limit: maxToolResult})
	}
	return output{text: result.Text, images: result.Images, failed: result.Failed}, nil
}

// connect begins the session if there is none, and makes the initial calls that the Query asks for.
func (s *mcpServer) connect(ctx context.Context) error {
	if s.session != nil {
		return nil
	}
	settings, err := s.settings()
	if err != nil {
		return err
	}
	server, err := s.run.mcpAddress(ctx, s.object)
	if err != nil {
		return fmt.Errorf("MCP server %s: %w", s.object.Name, err)
	}
	overriding, err := s.run.overriding(ctx, s.run.overridesOf(s.owner), v1alpha1.OverrideMCPServer, s.object.Labels)
	if err != nil {
		return err
	}
	add(&server, overriding)
	for name, value := range settings.Headers {
		server.Headers[http.CanonicalHeaderKey(name)] = value
	}
	session, err := mcp.Connect(ctx, server)
	if err != nil {
		return fmt.Errorf("MCP server %s: %w", s.object.Name, err)
	}
	s.session = session
	for _, c := range settings.ToolCalls {
		arguments := c.Arguments
		if len(arguments) == 0 {
			arguments = json.RawMessage("{}")
		}
		result, err := session.Call(ctx, c.Name, arguments)
		if err == nil && result.Failed {
			err = errors.New(cut(result.Text, maxToolError))
		}
		if err != nil {
			s.close()
			return fmt.Errorf("MCP server %s: the tool %s, which the query has called first: %w", s.object.Name, c.Name, err)
		}
	}
	return nil
}

// settings returns the Query's settings for the server.
func (s *mcpServer) settings() (mcpSettings, error) {
	text := s.run.Query.Annotations[annotationMCPSettings]
	if text == "" {
		return mcpSettings{}, nil
	}
	all := map[string]mcpSettings{}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return mcpSettings{}, fmt.Errorf("read the annotation %s: %w", annotationMCPSettings, err)
	}
	return all[s.object.Namespace+"/"+s.object.Name], nil
}

// mcpAddress returns how to reach a server, with the current values of its spec.
func (r *Run) mcpAddress(ctx context.Context, object *v1alpha1.MCPServer) (mcp.Server, error) {
	values := objects.Values{From: r.Objects, Namespace: object.Namespace}
	address, err := values.Source(ctx, object.Spec.Address)
	if err != nil {
		return mcp.Server{}, &AddressError{err}
	}
	if strings.TrimSpace(address.Text) == "" {
		return mcp.Server{}, &AddressError{errors.New("it is empty")}
	}
	out := mcp.Server{URL: strings.TrimSpace(address.Text), Headers: map[string]string{}, Client: r.Tools, Timeout: mcpTimeout}
	if given, err := time.ParseDuration(deref(object.Spec.Timeout)); err == nil && given > 0 {
		out.Timeout = given
	}
	if address.Secret {
		out.Secrets = append(out.Secrets, out.URL)
	}
	out.SSE = object.Spec.Transport != nil && *object.Spec.Transport == v1alpha1.MCPTransportSSE
	headers, err := r.headers(ctx, object.Namespace, object.Spec.Headers)
	if err != nil {
		return out, err
	}
	add(&out, headers)
	if auth := object.Spec.Authorization; auth != nil && auth.TokenSecretRef != nil {
		token, err := values.Of(ctx, nil, &v1alpha1.ValueFromSource{SecretKeyRef: &v1alpha1.SecretKeySelector{
			Name: deref(auth.TokenSecretRef.Name), Key: ptr(firstOf(deref(auth.TokenSecretRef.AccessTokenKey), accessTokenKey)),
		}})
		if err != nil {
			return out, fmt.Errorf("authorization: %w", err)
		}
		out.Headers["Authorization"] = "Bearer " + strings.TrimSpace(token.Text)
		out.Secrets = append(out.Secrets, strings.TrimSpace(token.Text))
	}
	return out, nil
}

// add adds headers to the requests to a server.
func add(to *mcp.Server, headers map[string]objects.Value) {
	for name, value := range headers {
		to.Headers[http.CanonicalHeaderKey(name)] = value.Text
		if value.Secret {
			to.Secrets = append(to.Secrets, value.Text)
		}
	}
}

// AddressError reports that the address of a server cannot be resolved.
type AddressError struct{ Err error }

// Error implements error.
func (e *AddressError) Error() string { return "address: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *AddressError) Unwrap() error { return e.Err }

// MCPTools lists the tools of a server. The address is the one that was called. If there is an
// error it is also returned if it is known, unless it is in a Secret. connected is false if there
// was no session.
func MCPTools(ctx context.Context, s Services, from objects.Reader, object *v1alpha1.MCPServer) (tools []mcp.Tool, address string, connected bool, err error) {
	r := &Run{Services: s, Query: &v1alpha1.Query{}, Objects: from}
	server, err := r.mcpAddress(ctx, object)
	if err != nil {
		return nil, "", false, err
	}
	if !slices.Contains(server.Secrets, server.URL) {
		address = server.URL
	}
	session, err := mcp.Connect(ctx, server)
	if err != nil {
		return nil, address, false, err
	}
	defer session.Close()
	tools, err = session.Tools(ctx)
	return tools, address, true, err
}

func ptr[T any](v T) *T { return &v }
