package server

import (
	"errors"
	"net/http"

	restful "github.com/emicklei/go-restful/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/chat"
)

// serveSubresources adds proxy and log to Ark's kinds. The filter chain has authorized them as
// subresources. The standard server sends all paths of the group to its own routes, so a filter
// before them serves these.
func (t *talk) serveSubresources(to *genericapiserver.GenericAPIServer) {
	to.Handler.GoRestfulContainer.Filter(func(request *restful.Request, response *restful.Response, next *restful.FilterChain) {
		at, ok := chat.SubresourceOf(request.Request.URL.Path)
		if !ok {
			next.ProcessFilter(request, response)
			return
		}
		w, r := response.ResponseWriter, request.Request
		if at.Subresource == "proxy" {
			t.chat.Proxy(w, r, at)
			return
		}
		err := error(apierrors.NewMethodNotSupported(v1alpha1.Resource("queries"), r.Method))
		if r.Method == http.MethodGet {
			err = t.chat.Log(w, r, at)
		}
		if err == nil {
			return
		}
		var status apierrors.APIStatus
		if !errors.As(err, &status) {
			err = apierrors.NewServiceUnavailable(err.Error())
		}
		responsewriters.ErrorNegotiated(err, to.Serializer, v1alpha1.SchemeGroupVersion, w, r)
	})
}
