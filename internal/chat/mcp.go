package chat

import (
	"context"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mckinsey/ark-server/internal/version"
)

// PathMCP is the path of the Model Context Protocol server.
const PathMCP = "/mcp"

// OwnsMCP reports whether a path is PathMCP.
func OwnsMCP(path string) bool { return strings.TrimSuffix(path, "/") == PathMCP }

// session is one request of an MCP client. Sessions do not outlive a request: the tools are those
// that the user may use now.
type session struct {
	server    *Server
	r         *http.Request
	who       asker
	namespace string
	maxTools  int
}

// maxMCPTools bounds how many agents and teams get a tool each. The tool query reaches the others.
const maxMCPTools = 500

const instructions = "Ark's agents and teams in one namespace, each as a tool. Each call is stored as a Query. " +
	"Use list to find out what there is, search to find objects by their texts, and query to ask anything that has no tool of its own."

// sessionKey is the context key of the *session of a request.
type sessionKey struct{}

// newMCP returns the handler of the protocol. It takes the session from the context.
func newMCP(maxBody int64) http.Handler {
	serve := func(r *http.Request) *mcp.Server {
		s, ok := r.Context().Value(sessionKey{}).(*session)
		if !ok {
			return nil
		}
		return s.tools()
	}
	return mcp.NewStreamableHTTPHandler(serve, &mcp.StreamableHTTPOptions{
		Stateless: true, MaxRequestBodyBytes: maxBody, PropagateRequestCancellation: true,
		// Requests need a token, so a web page that reaches this machine by DNS rebinding cannot use the
		// server.
		DisableLocalhostProtection: true,
	})
}

// ServeMCP answers a request of an MCP client.
func (s *Server) ServeMCP(w http.ResponseWriter, r *http.Request) {
	who, err := s.caller(r)
	if err != nil {
		faultOf(err).write(w)
		return
	}
	if !OwnsMCP(r.URL.Path) {
		(&Fault{Status: http.StatusNotFound, Type: typeInvalid, Code: text("unknown_url"), Message: "there is no " + r.URL.Path + ": use " + PathMCP}).write(w)
		return
	}
	namespace, fault := who.namespaceOf(r, "")
	if fault != nil {
		fault.write(w)
		return
	}
	one := &session{server: s, r: r, who: who, namespace: namespace, maxTools: maxMCPTools}
	s.mcp.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, one)))
}

// tools returns a server with the tools that the user may use.
func (s *session) tools() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "ark-server", Title: "Ark", Version: version.Ark()}, &mcp.ServerOptions{
		Instructions: instructions, PageSize: s.maxTools + 10,
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}},
		SetCacheable: func(_ context.Context, _ mcp.Request, c *mcp.Cacheable) { c.CacheScope = "private" }, // the tools depend on the user
	})
	s.addTargets(server)
	s.addSearch(server)
	s.addList(server)
	s.addQuery(server)
	return server
}
