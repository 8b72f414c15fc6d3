package access

import (
	"errors"
	"fmt"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Question asks which rows of a kind a user may do something with.
type Question struct {
	// Verb is list, get, watch and so on. To use an object is to create its subresource, such as proxy
	// of agents.
	Verb string
	// Group, Resource and Subresource name the kind as in its URL; Resource is plural, and Subresource
	// may be "".
	Group, Version, Resource, Subresource string
	// Namespaces are those of the rows. "" stands for rows in no namespace.
	Namespaces []string
	// Names are single rows that are to be decided, by namespace, if the namespace is not allowed as a
	// whole. Where rules are known all names are decided, and these are not needed.
	Names map[string][]string
}

func (q Question) check() error {
	switch {
	case q.Verb == "" || q.Resource == "":
		return errors.New("a question needs a verb and a resource")
	case q.Verb == "*" || q.Resource == "*":
		return fmt.Errorf("a question is about one verb and one resource, not %q of %q", q.Verb, q.Resource)
	}
	return nil
}

// scopes returns the namespaces that are asked about, of which nothing is known.
func (q Question) scopes() map[string]scope {
	scopes := make(map[string]scope, len(q.Namespaces)+len(q.Names))
	for _, namespace := range q.Namespaces {
		scopes[namespace] = scope{}
	}
	for namespace := range q.Names {
		scopes[namespace] = scope{}
	}
	return scopes
}

// about returns the question for one namespace, or all of them with "", and one name, or all with
// "".
func (q Question) about(who user.Info, namespace, name string) authorizer.Attributes {
	return authorizer.AttributesRecord{
		User: who, Verb: q.Verb, APIGroup: q.Group, APIVersion: q.Version, Resource: q.Resource, Subresource: q.Subresource,
		Namespace: namespace, Name: name, ResourceRequest: true,
	}
}

// String is for errors.
func (q Question) String() string {
	resource := q.Resource
	if q.Group != "" {
		resource += "." + q.Group
	}
	if q.Subresource != "" {
		resource += "/" + q.Subresource
	}
	return q.Verb + " " + resource
}
