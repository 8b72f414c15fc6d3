package registry

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// author is who writes an object, and when.
type author struct {
	name string
	at   time.Time
}

// requester asks what the sender of a request may do beyond the request itself.
type requester struct {
	authorizer authorizer.Authorizer
}

// may returns a fault at path, with the words that refused makes of the user's
// name, unless the sender may do what the attributes say. Requests without a
// sender come from the server itself.
func (r requester) may(ctx context.Context, path *field.Path, attributes authorizer.AttributesRecord, refused func(user string) string) field.ErrorList {
	sender, ok := request.UserFrom(ctx)
	if !ok {
		return nil
	}
	attributes.User = sender
	attributes.ResourceRequest = true
	decision, _, err := r.authorizer.Authorize(ctx, attributes)
	switch {
	case decision == authorizer.DecisionAllow:
		return nil
	case err != nil:
		return field.ErrorList{field.InternalError(path, fmt.Errorf("ask what user %q may do: %w", sender.GetName(), err))}
	}
	return field.ErrorList{field.Forbidden(path, refused(sender.GetName()))}
}

// mayRunAs wants permission to impersonate the query's service account.
func mayRunAs(ctx context.Context, by requester, query, _ *v1alpha1.Query) field.ErrorList {
	if query.Spec.ServiceAccount == nil || *query.Spec.ServiceAccount == "" {
		return nil
	}
	account := *query.Spec.ServiceAccount
	return by.may(ctx, field.NewPath("spec", "serviceAccount"), authorizer.AttributesRecord{
		Verb: "impersonate", APIVersion: "v1", Resource: "serviceaccounts", Namespace: query.Namespace, Name: account,
	}, func(user string) string {
		return fmt.Sprintf("user %q is not authorized to run queries as service account %q in namespace %q: the verb impersonate on that service account is needed",
			user, account, query.Namespace)
	})
}

// mayWriteInline wants permission to use inlinetools, which no server serves: it
// exists so that writing source is a right of its own.
func mayWriteInline(ctx context.Context, by requester, tool *v1alpha1.Tool) field.ErrorList {
	return by.may(ctx, field.NewPath("spec", "inline"), authorizer.AttributesRecord{
		Verb: "use", APIGroup: ark.GroupName, APIVersion: "v1alpha1", Resource: "inlinetools", Namespace: tool.Namespace, Name: tool.Name,
	}, func(user string) string {
		return fmt.Sprintf("user %q is not authorized to author inline tools in namespace %q: the verb use on inlinetools in %s is needed",
			user, tool.Namespace, ark.GroupName)
	})
}
