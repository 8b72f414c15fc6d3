package assembly

import (
	"net/http"
	"strings"
	"sync"

	restful "github.com/emicklei/go-restful/v3"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/mckinsey/ark-server/internal/apis/ark"
)

// rememberedRoutes asks the stock router once for each kind of request for an
// object in a namespace. It tries more than two hundred routes for every request,
// and copies those that match.
type rememberedRoutes struct {
	stock restful.RouteSelector

	mu    sync.RWMutex
	known map[routeKey]foundRoute
}

// routeKey is all that the stock router looks at in such a request. Which
// namespace and which name they are does not matter to it: every route of
// the group has parameters there, and words before and after.
type routeKey struct {
	version, resource, subresource string
	method, contentType, accept    string
}

type foundRoute struct {
	service *restful.WebService
	route   *restful.Route
}

// maxRoutes bounds what is remembered: clients choose the media types.
const maxRoutes = 1024

func newRememberedRoutes() *rememberedRoutes {
	return &rememberedRoutes{stock: restful.CurlyRouter{}, known: map[routeKey]foundRoute{}}
}

// SelectRoute implements restful.RouteSelector. It is for a container whose
// services stay as they are once it serves.
func (r *rememberedRoutes) SelectRoute(services []*restful.WebService, request *http.Request) (*restful.WebService, *restful.Route, error) {
	key, ok := routeKeyOf(request)
	if !ok {
		return r.stock.SelectRoute(services, request)
	}
	r.mu.RLock()
	found, ok := r.known[key]
	r.mu.RUnlock()
	if ok {
		return found.service, found.route, nil
	}
	service, route, err := r.stock.SelectRoute(services, request)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.known) < maxRoutes {
			r.known[key] = foundRoute{service, route}
		}
	}
	return service, route, err
}

const groupPrefix = genericapiserver.APIGroupPrefix + "/" + ark.GroupName + "/"

// routeKeyOf reads a path of the form VERSION/namespaces/NAMESPACE/RESOURCE/NAME,
// perhaps with /SUBRESOURCE, below the group. Every other request is left to the stock
// router.
func routeKeyOf(request *http.Request) (routeKey, bool) {
	path, ok := strings.CutPrefix(request.URL.Path, groupPrefix)
	if !ok {
		return routeKey{}, false
	}
	var parts [6]string
	n := 0
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || n == len(parts) {
			return routeKey{}, false
		}
		parts[n] = part
		n++
	}
	if n < 5 || parts[1] != "namespaces" {
		return routeKey{}, false
	}
	return routeKey{
		version: parts[0], resource: parts[3], subresource: parts[5], method: request.Method,
		contentType: request.Header.Get("Content-Type"), accept: request.Header.Get("Accept"),
	}, true
}
