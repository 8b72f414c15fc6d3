package server

import (
	"context"
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/ask"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/stream"
)

// queries implements stream.Queries without authorization.
type queries struct{ system *objects.Client }

// Find implements stream.Queries.
func (q queries) Find(ctx context.Context, namespace, name string) (string, bool, error) {
	query := &v1alpha1.Query{}
	err := q.system.Get(ctx, "queries", namespace, name, query)
	if apierrors.IsNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return string(query.UID), ask.Ended(query), nil
}

// MayRead implements stream.Queries.
func (queries) MayRead(http.ResponseWriter, *http.Request, string, string) bool { return true }

// MayWrite implements stream.Queries.
func (queries) MayWrite(http.ResponseWriter, *http.Request, string, string) bool { return true }

// guarded implements stream.Queries with authorization: reading a stream requires the right to get
// its Query, and writing one the right to update its status, which has the answer. Reading all
// streams of a namespace requires the right to list its Queries.
type guarded struct {
	queries
	authorizer authorizer.UnconditionalAuthorizer
}

// MayRead implements stream.Queries.
func (g guarded) MayRead(w http.ResponseWriter, r *http.Request, namespace, name string) bool {
	verb := "get"
	if name == "" {
		verb = "list"
	}
	return g.may(w, r, verb, "", namespace, name)
}

// MayWrite implements stream.Queries.
func (g guarded) MayWrite(w http.ResponseWriter, r *http.Request, namespace, name string) bool {
	return g.may(w, r, "update", "status", namespace, name)
}

func (g guarded) may(w http.ResponseWriter, r *http.Request, verb, subresource, namespace, name string) bool {
	who, ok := request.UserFrom(r.Context())
	decision, _, err := authorizer.DecisionDeny, "", errors.New("the request has no user")
	if ok {
		version := v1alpha1.SchemeGroupVersion
		decision, _, err = g.authorizer.Authorize(r.Context(), authorizer.AttributesRecord{
			User: who, Verb: verb, APIGroup: version.Group, APIVersion: version.Version, Resource: "queries", Subresource: subresource,
			Namespace: namespace, Name: name, ResourceRequest: true,
		})
	}
	switch {
	case decision == authorizer.DecisionAllow:
		return true
	case err != nil:
		stream.Refuse(w, http.StatusInternalServerError, "INTERNAL", err.Error())
	default:
		what := "queries"
		if subresource != "" {
			what += "/" + subresource
		}
		stream.Refuse(w, http.StatusForbidden, "FORBIDDEN", "you may not "+verb+" "+what+" in the namespace "+namespace)
	}
	return false
}
