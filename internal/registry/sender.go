package registry

import (
	"context"
	"fmt"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
)

// maxReferencesAsked bounds the questions that one request asks the authorizer about different
// Secrets and ConfigMaps: in a cluster each is a remote call.
const maxReferencesAsked = 256

// forSender returns the objects as the sender of a request may see them: Secrets and ConfigMaps
// that the sender may not get are answered with rules.ErrNotForUser. They are not read then, so
// that neither the answer nor the time that it takes depends on them. Requests without a sender
// come from the server itself. The result serves one request, in one goroutine.
func forSender(ctx context.Context, authorizer authorizer.Authorizer, objects rules.Objects) rules.Objects {
	sender, ok := request.UserFrom(ctx)
	if !ok || authorizer == nil {
		return objects
	}
	return &senderObjects{Objects: objects, authorizer: authorizer, sender: sender}
}

type senderObjects struct {
	rules.Objects
	authorizer authorizer.Authorizer
	sender     user.Info
	// answers are those to the questions of this request.
	answers map[reference]error
	// failed is the first failure of the authorizer, which is not asked again.
	failed error
}

type reference struct{ resource, namespace, name string }

// Secret implements rules.KeyedObjects.
func (s *senderObjects) Secret(ctx context.Context, namespace, name, key string) (map[string][]byte, error) {
	if err := s.mayGet(ctx, reference{"secrets", namespace, name}); err != nil {
		return nil, err
	}
	return s.Objects.Secret(ctx, namespace, name, key)
}

// ConfigMap implements rules.KeyedObjects.
func (s *senderObjects) ConfigMap(ctx context.Context, namespace, name, key string) (map[string]string, error) {
	if err := s.mayGet(ctx, reference{"configmaps", namespace, name}); err != nil {
		return nil, err
	}
	return s.Objects.ConfigMap(ctx, namespace, name, key)
}

// mayGet returns nil if the sender may get an object, and rules.ErrNotForUser if not.
func (s *senderObjects) mayGet(ctx context.Context, ref reference) error {
	if err, known := s.answers[ref]; known {
		return err
	}
	if s.failed != nil {
		return s.failed
	}
	if len(s.answers) >= maxReferencesAsked {
		return &rules.ReadError{Err: fmt.Errorf("the object refers to more than %d Secrets and ConfigMaps", maxReferencesAsked)}
	}
	err := s.ask(ctx, ref)
	if s.answers == nil {
		s.answers = map[reference]error{}
	}
	s.answers[ref] = err
	return err
}

// ask has the authorizer decide, which remembers answers for a time.
func (s *senderObjects) ask(ctx context.Context, ref reference) error {
	decision, _, err := s.authorizer.Authorize(ctx, authorizer.AttributesRecord{
		User: s.sender, Verb: "get", APIVersion: "v1", Resource: ref.resource, Namespace: ref.namespace, Name: ref.name, ResourceRequest: true,
	})
	switch {
	case decision == authorizer.DecisionAllow:
		return nil
	case err != nil:
		s.failed = &rules.ReadError{Err: fmt.Errorf("ask what user %q may do: %w", s.sender.GetName(), err)}
		return s.failed
	}
	return rules.ErrNotForUser
}
