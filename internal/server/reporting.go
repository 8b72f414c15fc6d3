package server

import (
	restful "github.com/emicklei/go-restful/v3"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/records"
	"github.com/mckinsey/ark-server/internal/reporting"
)

// serveReporting adds the path of SQL to a server. If the records group has its own routes, the
// standard server sends all its paths to them, so a filter before them serves this path.
func serveReporting(to *genericapiserver.GenericAPIServer, rights *access.Resolver, data *data, group *records.Group) {
	handler := reporting.New(data.model, rights, group)
	to.Handler.NonGoRestfulMux.UnlistedHandlePrefix(reporting.Prefix, handler)
	to.Handler.GoRestfulContainer.Filter(func(request *restful.Request, response *restful.Response, next *restful.FilterChain) {
		if reporting.Owns(request.Request.URL.Path) {
			handler.ServeHTTP(response.ResponseWriter, request.Request)
			return
		}
		next.ProcessFilter(request, response)
	})
}
