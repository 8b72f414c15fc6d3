package a2a

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/token"
)

// caller is who has sent a request.
type caller struct {
	user user.Info
	// api makes requests as the user.
	api rest.Interface
	// key is the ID of a key with limits, "" for one without them.
	key    string
	limits token.Limits
}

// refusal is an answer without a word of the protocol.
type refusal struct {
	status int
	text   string
}

// Error implements error.
func (r *refusal) Error() string { return r.text }

// refuse answers a request that does not reach the agent.
func refuse(w http.ResponseWriter, err error) {
	var no *refusal
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &no):
		http.Error(w, no.text, no.status)
	case errors.As(err, &status):
		http.Error(w, status.Status().Message, int(status.Status().Code))
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// caller returns who has sent a request, and a client that is the same user without the bounds of
// the key, which are kept here.
func (s *Server) caller(r *http.Request, at place) (*caller, error) {
	of, ok := apirequest.UserFrom(r.Context())
	if !ok {
		return nil, errors.New("the request has no user")
	}
	out := &caller{}
	plain := &user.DefaultInfo{Name: of.GetName(), UID: of.GetUID(), Groups: of.GetGroups(), Extra: map[string][]string{}}
	for key, values := range of.GetExtra() {
		switch key {
		case token.ExtraNamespace:
			if !slices.Contains(values, at.namespace) {
				return nil, &refusal{http.StatusForbidden, "the key is for the namespace " + strings.Join(values, ", ")}
			}
		case token.ExtraTarget:
			if len(values) > 0 && !slices.Contains(values, "agent/"+at.agent) {
				return nil, &refusal{http.StatusForbidden, "the key is not for agent/" + at.agent}
			}
		case token.ExtraLimit:
			var err error
			if out.limits, err = token.LimitsOf(values); err != nil {
				return nil, err
			}
			out.key = strings.Join(of.GetExtra()[user.CredentialIDKey], ",")
		default:
			plain.Extra[key] = values
		}
	}
	config, err := s.options.Transport.Config(plain)
	if err != nil {
		return nil, err
	}
	version := v1alpha1.SchemeGroupVersion
	config.APIPath, config.GroupVersion, config.NegotiatedSerializer, config.QPS = "/apis", &version, s.codecs.WithoutConversion(), -1
	if out.api, err = rest.RESTClientFor(config); err != nil {
		return nil, fmt.Errorf("make a client of the caller: %w", err)
	}
	out.user = plain
	return out, nil
}
