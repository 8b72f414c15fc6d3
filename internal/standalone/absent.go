package standalone

import (
	"fmt"
	"net/http"
	"slices"

	restful "github.com/emicklei/go-restful/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// absentGroups are upstream's groups of workloads and of what they run on. They are not served.
var absentGroups = []string{
	"apps", "autoscaling", "batch", "certificates.k8s.io", "discovery.k8s.io", "networking.k8s.io", "node.k8s.io", "policy",
	"resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io",
}

// absentCore are those of the core group.
var absentCore = []string{
	"bindings", "componentstatuses", "nodes", "persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates", "replicationcontrollers",
}

// explainAbsent says of the kinds of a cluster that a standalone server does not have that it has
// none, where the stock answer to requests that no route takes would be a bare 404. The code and
// the reason are the same, and discovery does not list them.
func explainAbsent(server *genericapiserver.GenericAPIServer) {
	handler, serializer := server.Handler, legacyscheme.Codecs
	handler.NonGoRestfulMux.NotFoundHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := absent(r); err != nil {
			responsewriters.ErrorNegotiated(err, serializer, schema.GroupVersion{}, w, r)
			return
		}
		http.NotFound(w, r)
	}))
	handler.GoRestfulContainer.ServiceErrorHandler(func(failure restful.ServiceError, r *restful.Request, w *restful.Response) {
		var err error
		if failure.Code == http.StatusNotFound {
			err = absent(r.Request)
		}
		if err == nil { // as the stock server answers
			err = apierrors.NewGenericServerResponse(failure.Code, "", schema.GroupResource{}, "", failure.Message, 0, false)
		}
		responsewriters.ErrorNegotiated(err, serializer, schema.GroupVersion{}, w, r.Request)
	})
}

// absent is the answer to a request for a resource that only a cluster has, and nil for others.
func absent(r *http.Request) error {
	info, found := request.RequestInfoFrom(r.Context())
	if !found || !info.IsResourceRequest {
		return nil
	}
	if info.APIGroup == "" && !slices.Contains(absentCore, info.Resource) || info.APIGroup != "" && !slices.Contains(absentGroups, info.APIGroup) {
		return nil
	}
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound,
		Details: &metav1.StatusDetails{Group: info.APIGroup, Kind: info.Resource, Name: info.Name},
		Message: fmt.Sprintf("this server has no %s: it is a standalone Ark server, which keeps Ark's objects and what they need, and runs no workloads; "+
			"use a Kubernetes cluster for those", schema.GroupResource{Group: info.APIGroup, Resource: info.Resource}),
	}}
}
