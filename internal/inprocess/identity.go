package inprocess

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
)

// Host is the address in the URLs of clients: it is nowhere, and tells in errors which client it
// was.
const Host = "http://in-process"

// identityKey is the context key of *user.DefaultInfo, with which a transport marks the requests
// that it makes.
type identityKey struct{ of *Transport }

// identity is a user whom a transport makes requests for. It is immutable.
type identity struct {
	user *user.DefaultInfo
	of   *Transport
	// key and value are in the context of the requests; nil for none.
	key, value any
}

// newIdentity copies what it is given. A user who is somebody is authenticated, and in the group
// that says so.
func (t *Transport) newIdentity(of user.Info) *identity {
	groups := slices.Clone(of.GetGroups())
	if of.GetName() != user.Anonymous && !slices.Contains(groups, user.AllAuthenticated) && !slices.Contains(groups, user.AllUnauthenticated) {
		groups = append(groups, user.AllAuthenticated)
	}
	var extra map[string][]string
	for key, values := range of.GetExtra() {
		if extra == nil {
			extra = map[string][]string{}
		}
		extra[key] = slices.Clone(values)
	}
	return &identity{user: &user.DefaultInfo{Name: of.GetName(), UID: of.GetUID(), Groups: groups, Extra: extra}, of: t}
}

// context returns a context that has nothing but the identity, and what goes with it.
func (i *identity) context() context.Context {
	ctx := context.WithValue(context.Background(), identityKey{i.of}, i.user)
	if i.key != nil {
		ctx = context.WithValue(ctx, i.key, i.value)
	}
	return ctx
}

// Authenticator returns an authenticator that accepts the requests of t's clients as whom they are,
// and leaves all others to next.
func (t *Transport) Authenticator(next authenticator.Request) authenticator.Request {
	return authenticator.RequestFunc(func(r *http.Request) (*authenticator.Response, bool, error) {
		if who, ok := r.Context().Value(identityKey{t}).(*user.DefaultInfo); ok {
			return &authenticator.Response{User: who}, true, nil
		}
		return next.AuthenticateRequest(r)
	})
}

// Caller returns the user whose client in the process makes the request with a context; nil for all
// others. It is who makes the request, also where that impersonates somebody.
func (t *Transport) Caller(ctx context.Context) user.Info {
	if who, ok := ctx.Value(identityKey{t}).(*user.DefaultInfo); ok {
		return who
	}
	return nil
}

// client makes requests as one user.
type client struct{ as *identity }

// RoundTrip implements http.RoundTripper.
func (c client) RoundTrip(r *http.Request) (*http.Response, error) {
	return c.as.of.roundTrip(c.as, r)
}

// As returns a client that makes requests as a user: its name, UID, groups and extras are what the
// server takes the user for, and impersonation headers of a request are checked against them.
// Whoever has the client is the user.
func (t *Transport) As(of user.Info) (http.RoundTripper, error) {
	if of == nil || of.GetName() == "" {
		return nil, errors.New("make a client in the process: there is no user")
	}
	return client{t.newIdentity(of)}, nil
}

// AsWith is As for requests in whose context is a value, for what decides about them in this
// process. No request over a socket has one.
func (t *Transport) AsWith(of user.Info, key, value any) (http.RoundTripper, error) {
	made, err := t.As(of)
	if err != nil {
		return nil, err
	}
	if c, ok := made.(client); ok {
		c.as.key, c.as.value = key, value // nobody else has it yet
	}
	return made, nil
}

// Config returns the configuration of a client-go client that makes requests as a user. It may be
// changed like any other, except that it has no place for credentials: impersonate instead.
func (t *Transport) Config(of user.Info) (*rest.Config, error) {
	as, err := t.As(of)
	if err != nil {
		return nil, err
	}
	// Client-side limits are for clients that the server does not know.
	return &rest.Config{Host: Host, Transport: as, UserAgent: t.userAgent, QPS: -1}, nil
}
