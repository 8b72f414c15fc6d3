package records

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	restful "github.com/emicklei/go-restful/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/records"
	"github.com/mckinsey/ark-server/internal/history"
)

type (
	parametersKey struct{}
	metadataKey   struct{}
)

// parametersFrom returns the URL parameters of the request that the standard handlers do not pass
// on.
func parametersFrom(ctx context.Context) url.Values {
	values, _ := ctx.Value(parametersKey{}).(url.Values)
	return values
}

func badParameter(name, value, fix string) error {
	return apierrors.NewBadRequest(fmt.Sprintf("%s=%q is not valid: %s", name, value, fix))
}

// filter runs before the standard handlers of all groups.
func (g *Group) filter(r *restful.Request, w *restful.Response, next *restful.FilterChain) {
	ctx := r.Request.Context()
	info, ok := request.RequestInfoFrom(ctx)
	if ok && info.APIGroup == records.GroupName && r.Request.URL.RawQuery != "" {
		r.Request = r.Request.WithContext(context.WithValue(ctx, parametersKey{}, r.Request.URL.Query()))
	}
	if ok && info.Resource == "reports" && info.APIGroup == records.GroupName && strings.Contains(r.Request.Header.Get("Accept"), "as=PartialObjectMetadata") {
		r.Request = r.Request.WithContext(context.WithValue(r.Request.Context(), metadataKey{}, true))
	}
	if ok && g.kept(info) && methods[info.Subresource] != "" {
		g.serve(w.ResponseWriter, r.Request, info)
		return
	}
	if ok && info.IsResourceRequest && info.APIGroup == records.GroupName && info.Resource == "revisions" && info.Verb == "list" && follows(r.Request) {
		g.follow(w.ResponseWriter, r.Request, info.Namespace)
		return
	}
	next.ProcessFilter(r, w)
}

// kept reports whether a request is about an object of a kind with a history: any of Ark's kinds,
// which are refused by name if they have none, retention policies, and the others that the server
// stores.
func (g *Group) kept(info *request.RequestInfo) bool {
	_, known := g.kinds[history.Resource{Group: info.APIGroup, Resource: info.Resource}]
	return known || info.APIGroup == ark.GroupName
}
