package execution

import (
	"context"
	"errors"
	"fmt"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

// override is a set of headers that an agent or a query adds to requests.
type override struct {
	namespace string // of the object that sets them
	spec      v1alpha1.Override
}

// overridesOf returns the overrides of an agent, if there is one, followed by the query's, which
// have precedence.
func (r *Run) overridesOf(agent *v1alpha1.Agent) []override {
	var out []override
	if agent != nil {
		for _, o := range agent.Spec.Overrides {
			out = append(out, override{agent.Namespace, o})
		}
	}
	for _, o := range r.Query.Spec.Overrides {
		out = append(out, override{r.Query.Namespace, o})
	}
	return out
}

// overriding returns the headers for an object with the given labels.
func (r *Run) overriding(ctx context.Context, overrides []override, kind v1alpha1.OverrideResourceType, of map[string]string) (map[string]objects.Value, error) {
	out := map[string]objects.Value{}
	for _, o := range overrides {
		if o.spec.ResourceType != kind {
			continue
		}
		if o.spec.LabelSelector != nil {
			selector, err := selectorOf(o.spec.LabelSelector)
			if err != nil {
				return nil, fmt.Errorf("read the selector of an override: %w", err)
			}
			if !selector.Matches(labels.Set(of)) {
				continue
			}
		}
		headers, err := r.headers(ctx, o.namespace, o.spec.Headers)
		if err != nil {
			return nil, fmt.Errorf("resolve an override: %w", err)
		}
		maps.Copy(out, headers)
	}
	return out, nil
}

// headers returns the values of headers by name.
func (r *Run) headers(ctx context.Context, namespace string, headers []v1alpha1.Header) (map[string]objects.Value, error) {
	values := objects.Values{From: r.Objects, Namespace: namespace, Parameter: r.queryParameter(true)}
	out := map[string]objects.Value{}
	for _, h := range headers {
		value, err := values.Header(ctx, h)
		if err != nil {
			return nil, err
		}
		out[h.Name] = value
	}
	return out, nil
}

// selectorOf parses a selector. One without any rule matches everything.
func selectorOf(s *v1alpha1.LabelSelector) (labels.Selector, error) {
	plain := &metav1.LabelSelector{MatchLabels: s.MatchLabels}
	for _, e := range s.MatchExpressions {
		if e.Key == nil || e.Operator == nil {
			return nil, errors.New("an expression lacks its key or its operator")
		}
		plain.MatchExpressions = append(plain.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: *e.Key, Operator: metav1.LabelSelectorOperator(*e.Operator), Values: e.Values,
		})
	}
	return metav1.LabelSelectorAsSelector(plain)
}
