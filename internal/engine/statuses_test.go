package engine

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// awaitCondition waits until an object's condition has a reason.
func awaitCondition[T any](t *testing.T, get func() T, conditions func(T) []v1alpha1.Condition, kind, reason string) v1alpha1.Condition {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		object := get()
		for _, c := range conditions(object) {
			if c.Type == kind && c.Reason == reason {
				return c
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no condition %s with the reason %s: %+v", kind, reason, object)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A model is probed, and agents are available when everything they need exists. Values that have
// not changed are not written again.
func TestStatuses(t *testing.T) {
	var broken atomic.Bool
	w := newDefault(t, func(scripted.Request) scripted.Answer {
		if broken.Load() {
			return scripted.Answer{Status: http.StatusUnauthorized, Text: "who are you, sk-secret?"}
		}
		return scripted.Answer{Text: "Hi"}
	})
	w.apply(agentOf("lost", `{tools: [{type: http, name: nowhere}]}`))
	w.start(Limits{}, func(o *Options) { o.Statuses = true })
	model := func() *v1alpha1.Model {
		m := &v1alpha1.Model{}
		if err := w.admin.Get(w.ctx, "models", "default", "default", m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	ofModel := func(m *v1alpha1.Model) []v1alpha1.Condition {
		if m.Status == nil {
			return nil
		}
		return m.Status.Conditions
	}
	agent := func(name string) func() *v1alpha1.Agent {
		return func() *v1alpha1.Agent {
			a := &v1alpha1.Agent{}
			if err := w.admin.Get(w.ctx, "agents", "default", name, a); err != nil {
				t.Fatal(err)
			}
			return a
		}
	}
	ofAgent := func(a *v1alpha1.Agent) []v1alpha1.Condition {
		if a.Status == nil {
			return nil
		}
		return a.Status.Conditions
	}
	if c := awaitCondition(t, model, ofModel, "ModelAvailable", "Available"); c.Status != v1alpha1.ConditionTrue {
		t.Errorf("got %+v", c)
	}
	if c := awaitCondition(t, agent("tooled"), ofAgent, "Available", "Available"); c.Status != v1alpha1.ConditionTrue {
		t.Errorf("got %+v", c)
	}
	if c := awaitCondition(t, agent("lost"), ofAgent, "Available", "ToolNotFound"); !strings.Contains(*c.Message, "'nowhere'") {
		t.Errorf("got %+v", c)
	}
	w.apply(toolOf("nowhere", `{type: http, http: {url: "http://example.com/"}}`))
	awaitCondition(t, agent("lost"), ofAgent, "Available", "Available")
	asked := w.model.Count()

	broken.Store(true)
	err := w.admin.Ark(v1alpha1.SchemeGroupVersion).Patch(types.MergePatchType).Namespace("default").Resource("models").Name("default").
		Body([]byte(`{"spec":{"model":{"value":"other"}}}`)).Do(w.ctx).Error()
	if err != nil {
		t.Fatal(err)
	}
	c := awaitCondition(t, model, ofModel, "ModelAvailable", "ModelProbeFailed")
	if c.Status != v1alpha1.ConditionFalse || !strings.Contains(*c.Message, "401") || strings.Contains(*c.Message, "sk-secret") {
		t.Errorf("got %+v: %s", c, *c.Message)
	}
	awaitCondition(t, agent("tooled"), ofAgent, "Available", "ModelNotFound")
	if asked != 1 || w.model.Count() != 2 {
		t.Errorf("the model was asked %d times, then %d", asked, w.model.Count())
	}
	tool := &v1alpha1.Tool{}
	if err := w.admin.Get(w.ctx, "tools", "default", "lookup", tool); err != nil || tool.Status == nil || *tool.Status.State != "Ready" {
		t.Errorf("the tool's status is %+v, %v", tool.Status, err)
	}
}
