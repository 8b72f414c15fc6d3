package aggregated

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/klog/v2"
	"k8s.io/utils/lru"
)

const (
	// outageKept bounds how many tokens, and how many permissions, are kept for an outage.
	outageKept = 8192
	// outageAsk bounds how long a request waits for kube-apiserver that can be answered without it,
	// and outageRest is for how long no request asks after that.
	outageAsk  = time.Second
	outageRest = 2 * time.Second
)

// outage keeps the cluster's last answers about tokens and permissions, for as long as
// kube-apiserver does not answer any more, and a time at most. An answer of kube-apiserver always
// counts: a token that it refuses is forgotten.
type outage struct {
	grace       time.Duration
	now         func() time.Time
	users       *lru.Cache // by the hash of a token: keptUser
	permissions *lru.Cache // by the hash of a question: the time of its answer
	// asked is when kube-apiserver may be asked again, in nanoseconds of the Unix time.
	asked atomic.Int64
	// since is when it stopped answering, 0 while it answers.
	since atomic.Int64
}

type keptUser struct {
	response *authenticator.Response
	at       time.Time
}

type outageKey [sha256.Size]byte

func newOutage(grace time.Duration) *outage {
	return &outage{grace: grace, now: time.Now, users: lru.New(outageKept), permissions: lru.New(outageKept)}
}

// silent reports whether an error says that kube-apiserver did not answer, rather than what it
// answered.
func silent(err error) bool {
	var several utilerrors.Aggregate // which errors.As does not look into
	if errors.As(err, &several) {
		return slices.ContainsFunc(utilerrors.Flatten(several).Errors(), silent)
	}
	var network net.Error
	switch {
	case err == nil:
		return false
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network), utilnet.IsConnectionRefused(err), utilnet.IsConnectionReset(err), utilnet.IsProbableEOF(err):
		return true
	}
	return apierrors.IsServiceUnavailable(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsInternalError(err)
}

// failed records that kube-apiserver did not answer, and logs it once an outage.
func (o *outage) failed(err error) {
	now := o.now()
	o.asked.Store(now.Add(outageRest).UnixNano())
	if o.since.CompareAndSwap(0, now.UnixNano()) {
		klog.Warningf("The cluster's kube-apiserver does not answer (%v): users and permissions that it has confirmed lately stay good for %s; others are refused until it is back", err, o.grace)
	}
}

func (o *outage) answered() {
	o.asked.Store(0)
	if since := o.since.Swap(0); since != 0 {
		klog.Warningf("The cluster's kube-apiserver answers again, after %s", o.now().Sub(time.Unix(0, since)).Round(time.Second))
	}
}

// resting reports whether kube-apiserver need not be asked yet.
func (o *outage) resting() bool { return o.now().UnixNano() < o.asked.Load() }

// authenticator remembers who the bearers of tokens are.
func (o *outage) authenticator(cluster authenticator.Request) authenticator.Request {
	return authenticator.RequestFunc(func(r *http.Request) (*authenticator.Response, bool, error) {
		credentials := r.Header.Get("Authorization")
		if credentials == "" {
			return cluster.AuthenticateRequest(r)
		}
		key := outageKey(sha256.Sum256([]byte(credentials)))
		kept, good := o.user(key)
		asking := r
		if good {
			if o.resting() {
				return kept.response, true, nil
			}
			ctx, cancel := context.WithTimeout(r.Context(), outageAsk)
			defer cancel()
			asking = r.WithContext(ctx)
		}
		response, ok, err := cluster.AuthenticateRequest(asking)
		switch {
		case ok:
			o.answered()
			o.users.Add(key, keptUser{response, o.now()})
		case err == nil:
			o.users.Remove(key)
		case r.Context().Err() == nil && (silent(err) || asking.Context().Err() != nil):
			o.failed(err)
			if good {
				return kept.response, true, nil
			}
		default:
			o.users.Remove(key)
		}
		return response, ok, err
	})
}

func (o *outage) user(key outageKey) (keptUser, bool) {
	value, found := o.users.Get(key)
	kept, ok := value.(keptUser)
	return kept, found && ok && o.now().Sub(kept.at) < o.grace
}

// authorizer remembers what users may do. Access reviews have no conditions, so neither has it.
func (o *outage) authorizer(cluster authorizer.Authorizer) authorizer.Authorizer {
	return authorizer.AuthorizerFunc(func(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		return o.authorize(ctx, cluster, a)
	})
}

func (o *outage) authorize(ctx context.Context, cluster authorizer.Authorizer, a authorizer.Attributes) (authorizer.Decision, string, error) {
	key, err := question(a)
	if err != nil {
		return cluster.Authorize(ctx, a)
	}
	good := false
	if at, found := o.permissions.Get(key); found {
		when, ok := at.(time.Time)
		good = ok && o.now().Sub(when) < o.grace
	}
	asking := ctx
	if good {
		if o.resting() {
			return authorizer.DecisionAllow, "", nil
		}
		var cancel context.CancelFunc
		asking, cancel = context.WithTimeout(ctx, outageAsk)
		defer cancel()
	}
	decision, reason, err := cluster.Authorize(asking, a)
	switch {
	case decision == authorizer.DecisionAllow:
		o.permissions.Add(key, o.now())
	case err == nil:
		o.permissions.Remove(key)
	case ctx.Err() == nil && (silent(err) || asking.Err() != nil):
		o.failed(err)
		if good {
			return authorizer.DecisionAllow, "", nil
		}
	}
	return decision, reason, err
}

// question returns what tells a question about a permission from every other.
func question(a authorizer.Attributes) (outageKey, error) {
	who := a.GetUser()
	if who == nil {
		return outageKey{}, errors.New("a request without a user")
	}
	path := a.GetPath()
	if a.IsResourceRequest() {
		path = "" // it has the name of the object, which the question may be without
	}
	fields, fieldsErr := a.GetFieldSelector()
	labels, labelsErr := a.GetLabelSelector()
	text, err := json.Marshal([]any{
		who.GetName(), who.GetUID(), who.GetGroups(), who.GetExtra(), a.GetVerb(), a.GetAPIGroup(), a.GetAPIVersion(), a.GetResource(),
		a.GetSubresource(), a.GetNamespace(), a.GetName(), a.IsResourceRequest(), path, fmt.Sprint(fields, fieldsErr, labels, labelsErr),
	})
	if err != nil {
		return outageKey{}, err
	}
	return sha256.Sum256(text), nil
}
