package server

import (
	restful "github.com/emicklei/go-restful/v3"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/records"
	"github.com/mckinsey/ark-server/internal/reporting"
)

// serveReporting adds the path of SQL to a server. Where the records group has routes of its own,
// the stock server sends all its paths to these: a filter before them takes what is served here.
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
