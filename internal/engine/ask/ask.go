package ask

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

// Question is the target and the text of a Query.
type Question struct {
	Namespace string
	Target    v1alpha1.QueryTarget
	Text      string
	// Timeout is the Query's timeout; 0 for the default.
	Timeout time.Duration
}

// kinds are the possible types of a Query's target.
var kinds = []v1alpha1.QueryTargetType{v1alpha1.QueryTargetAgent, v1alpha1.QueryTargetTeam, v1alpha1.QueryTargetModel, v1alpha1.QueryTargetTool}

// ParseTarget reads KIND/NAME.
func ParseTarget(text string) (v1alpha1.QueryTarget, error) {
	kind, name, found := strings.Cut(text, "/")
	if !found || name == "" || !slices.Contains(kinds, v1alpha1.QueryTargetType(kind)) {
		return v1alpha1.QueryTarget{}, fmt.Errorf("%q is nobody to ask: use agent/NAME, team/NAME, model/NAME or tool/NAME", text)
	}
	return v1alpha1.QueryTarget{Type: v1alpha1.QueryTargetType(kind), Name: name}, nil
}

// Ask creates a Query. Use Wait to get its result.
func Ask(ctx context.Context, client *objects.Client, q Question) (*v1alpha1.Query, error) {
	text, err := json.Marshal(q.Text)
	if err != nil {
		return nil, fmt.Errorf("encode the question: %w", err)
	}
	query := &v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{GenerateName: "query-", Namespace: q.Namespace}}
	if err := query.Spec.Input.UnmarshalJSON(text); err != nil {
		return nil, fmt.Errorf("encode the question: %w", err)
	}
	query.Spec.Target = &q.Target
	if q.Timeout > 0 {
		d := v1alpha1.Duration(q.Timeout.String())
		query.Spec.Timeout = &d
	}
	if err := client.Create(ctx, "queries", query); err != nil {
		return nil, fmt.Errorf("make the query: %w", err)
	}
	return query, nil
}

// Wait returns a Query when it has ended. If the context ends first, Wait returns the Query's
// latest state with the error, and the Query keeps running.
func Wait(ctx context.Context, client *objects.Client, query *v1alpha1.Query) (*v1alpha1.Query, error) {
	for !Ended(query) {
		next, err := Next(ctx, client, query)
		if err != nil {
			return query, err
		}
		query = next
	}
	return query, nil
}

// Next returns a Query after it has changed, or its current state when the watch ends.
func Next(ctx context.Context, client *objects.Client, query *v1alpha1.Query) (*v1alpha1.Query, error) {
	options := &metav1.ListOptions{
		Watch: true, FieldSelector: fields.OneTermEqualSelector("metadata.name", query.Name).String(), ResourceVersion: query.ResourceVersion,
	}
	watcher, err := client.Ark(v1alpha1.SchemeGroupVersion).Get().Namespace(query.Namespace).Resource("queries").VersionedParams(options, metav1.ParameterCodec).Watch(ctx)
	if err != nil {
		return nil, fmt.Errorf("watch the query %s: %w", query.Name, err)
	}
	defer watcher.Stop()
	for {
		select {
		case event, open := <-watcher.ResultChan():
			if next, ok := event.Object.(*v1alpha1.Query); ok && event.Type != "DELETED" {
				return next, nil
			}
			if open && event.Type != "DELETED" && event.Type != "ERROR" {
				continue
			}
			fresh := &v1alpha1.Query{}
			if err := client.Get(ctx, "queries", query.Namespace, query.Name, fresh); err != nil {
				return nil, fmt.Errorf("read the query %s: %w", query.Name, err)
			}
			return fresh, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Ended reports whether a Query has ended.
func Ended(q *v1alpha1.Query) bool {
	switch phase(q) {
	case v1alpha1.QueryDone, v1alpha1.QueryError, v1alpha1.QueryCanceled:
		return true
	default:
		return false
	}
}

// Answer returns the answer of a Query that has ended, or its error.
func Answer(q *v1alpha1.Query) (string, error) {
	text := ""
	if q.Status != nil && q.Status.Response != nil && q.Status.Response.Content != nil {
		text = *q.Status.Response.Content
	}
	switch phase(q) {
	case v1alpha1.QueryDone:
		return text, nil
	case v1alpha1.QueryCanceled:
		return "", fmt.Errorf("the query %s was canceled", q.Name)
	default:
		return "", fmt.Errorf("the query %s has failed: %s", q.Name, text)
	}
}

func phase(q *v1alpha1.Query) v1alpha1.QueryPhase {
	if q.Status == nil || q.Status.Phase == nil {
		return ""
	}
	return *q.Status.Phase
}
