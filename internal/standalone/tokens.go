package standalone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kubernetes/pkg/api/legacyscheme"

	"github.com/mckinsey/ark-server/internal/token"
)

// TokensPath is where tokens are made (POST), listed (GET) and, with the ID behind it, revoked
// (DELETE). It is no resource: tokens are no objects, and controllers that follow every resource
// must not see them.
const TokensPath = "/ark/tokens"

// maxTokenRequest bounds the body of a request.
const maxTokenRequest = 64 << 10

// NewToken is the answer to a request for a token, and the only place where its text is.
type NewToken struct {
	token.Token
	Text string `json:"token"`
}

// TokenList is the answer of a list.
type TokenList struct {
	Items []token.Token `json:"items"`
}

// tokenHandler answers requests below TokensPath. The chain of filters has authorized the path and
// the method.
type tokenHandler struct {
	tokens     *token.Store
	authorizer authorizer.UnconditionalAuthorizer
}

func installTokens(server *genericapiserver.GenericAPIServer, tokens *token.Store) {
	h := tokenHandler{tokens, server.Authorizer}
	server.Handler.NonGoRestfulMux.UnlistedHandle(TokensPath, h)
	server.Handler.NonGoRestfulMux.UnlistedHandlePrefix(TokensPath+"/", h)
}

// ServeHTTP implements http.Handler.
func (h tokenHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := strings.Trim(strings.TrimPrefix(r.URL.Path, TokensPath), "/")
	code, answer, err := http.StatusOK, any(nil), error(nil)
	switch {
	case r.Method == http.MethodPost && id == "":
		code = http.StatusCreated
		answer, err = h.create(r)
	case r.Method == http.MethodGet && id == "":
		var list TokenList
		list.Items, err = h.tokens.List(r.Context())
		answer = list
	case r.Method == http.MethodDelete && id != "":
		answer, err = h.tokens.Revoke(r.Context(), id)
	default:
		err = apierrors.NewMethodNotSupported(tokensResource, r.Method)
	}
	if err != nil {
		responsewriters.ErrorNegotiated(tokenError(err, id), legacyscheme.Codecs, schema.GroupVersion{Version: "v1"}, w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // a client that has gone does not matter
}

// tokensResource stands for tokens in errors.
var tokensResource = schema.GroupResource{Resource: "tokens"}

// create makes a token for somebody whom the caller may impersonate: whoever holds it acts as that
// user.
func (h tokenHandler) create(r *http.Request) (*NewToken, error) {
	var asked token.Request
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxTokenRequest))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the body is no request for a token, which has user, groups, ttlSeconds and chat: %v", err))
	}
	if err := asked.Validate(); err != nil {
		return nil, err
	}
	if err := h.mayImpersonate(r.Context(), "users", asked.User); err != nil {
		return nil, err
	}
	for _, group := range asked.Groups {
		if err := h.mayImpersonate(r.Context(), "groups", group); err != nil {
			return nil, err
		}
	}
	made, text, err := h.tokens.Create(r.Context(), asked)
	if err != nil {
		return nil, err
	}
	return &NewToken{*made, text}, nil
}

func (h tokenHandler) mayImpersonate(ctx context.Context, resource, name string) error {
	caller, ok := request.UserFrom(ctx)
	if !ok {
		return apierrors.NewInternalError(errors.New("the request has no user"))
	}
	decision, _, err := h.authorizer.Authorize(ctx, authorizer.AttributesRecord{
		User: caller, Verb: "impersonate", APIVersion: "v1", Resource: resource, Name: name, ResourceRequest: true,
	})
	if decision == authorizer.DecisionAllow {
		return nil
	}
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	return apierrors.NewForbidden(tokensResource, "", fmt.Errorf("a token may be made only for a user and groups that you may impersonate: you may not impersonate %s %q", strings.TrimSuffix(resource, "s"), name))
}

// tokenError returns an error in the form that API clients expect.
func tokenError(err error, id string) error {
	var invalid *token.InvalidError
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &status):
		return err
	case errors.As(err, &invalid):
		return apierrors.NewBadRequest(err.Error())
	case errors.Is(err, token.ErrNotFound):
		return apierrors.NewNotFound(tokensResource, id)
	}
	// The database does not answer.
	unavailable := apierrors.NewServiceUnavailable(err.Error())
	unavailable.ErrStatus.Details = &metav1.StatusDetails{RetryAfterSeconds: 1}
	return unavailable
}
