package engine

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

// paying is a world whose agent "payer" has two tools, one of which needs a person's approval, and
// which counts the tool calls.
type paying struct {
	*world
	mu    sync.Mutex
	calls map[string]int
}

// newPaying starts a server whose model calls the lookup and the payment tool, and at the end
// repeats what the tools returned.
func newPaying(t *testing.T, approval string) *paying {
	p := &paying{calls: map[string]int{}}
	p.world = newDefault(t, func(r scripted.Request) scripted.Answer {
		asked := ""
		var said, results []string
		tools := 0
		for _, m := range r.Messages {
			said = append(said, m.Role)
			if m.Role == "user" {
				asked = m.Text()
			}
			if m.Role == "tool" {
				tools++
				results = append(results, m.Text())
			}
		}
		rounds := 1
		if strings.Contains(asked, "again") {
			rounds = 5
		}
		if tools < 2*rounds {
			return scripted.Answer{Calls: []scripted.Call{
				{ID: fmt.Sprint("look-", tools), Name: "look", Arguments: `{"q":"price"}`},
				{ID: fmt.Sprint("pay-", tools), Name: "pay", Arguments: `{"amount":"100"}`},
			}}
		}
		return scripted.Answer{Text: strings.Join(said, " ") + ": " + strings.Join(results, " | ")}
	})
	tools := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		name := strings.Trim(r.URL.Path, "/")
		p.calls[name]++
		if strings.HasPrefix(name, "broken") {
			http.Error(w, "no money", http.StatusPaymentRequired)
			return
		}
		fmt.Fprintf(w, "%s %d", name, p.calls[name])
	}))
	t.Cleanup(tools.Close)
	for _, name := range []string{"look", "pay", "broken"} {
		p.apply(`
apiVersion: ark.mckinsey.com/v1alpha1
kind: Tool
metadata: {name: ` + name + `}
spec: {type: http, http: {url: "` + tools.URL + "/" + name + `", method: POST}, inputSchema: {type: object, properties: {amount: {type: string}, q: {type: string}}}}`)
	}
	p.apply(agentOf("payer", `{prompt: "You pay.", tools: [{type: http, name: look}, {type: http, name: pay, approval: `+approval+`}]}`))
	return p
}

func (p *paying) called(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[name]
}

// task returns the A2ATask that a Query waits for.
func (w *world) task(q *v1alpha1.Query) *v1alpha1.A2ATask {
	w.t.Helper()
	task := &v1alpha1.A2ATask{}
	if err := w.admin.Get(w.ctx, "a2atasks", q.Namespace, taskPrefix+taskOf(q), task); err != nil {
		w.t.Fatal(err)
	}
	return task
}

// decide writes a decision as a person or ark-api does.
func (w *world) decide(task *v1alpha1.A2ATask, input string) {
	w.t.Helper()
	body, err := json.Marshal(map[string]any{"spec": map[string]string{"input": input}})
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.admin.Ark(v1alpha1.SchemeGroupVersion).Patch(types.MergePatchType).Namespace(task.Namespace).Resource("a2atasks").Name(task.Name).Body(body).Do(w.ctx).Error()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) awaitTask(name, phase, reason string) {
	w.t.Helper()
	var got string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		task := &v1alpha1.A2ATask{}
		if err := w.admin.Get(w.ctx, "a2atasks", "default", name, task); err != nil {
			w.t.Fatal(err)
		}
		got = string(taskPhase(task))
		for _, c := range task.Status.Conditions {
			got += " " + string(c.Status) + " " + c.Reason
		}
		if got == phase+" "+reason {
			return
		}
	}
	w.t.Fatalf("the task is %s, not %s %s", got, phase, reason)
}

const waitsForInput = v1alpha1.QueryInputRequired

const toPayer = `{type: agent, name: payer}`

// A Query waits for a person's approval before any call of the turn runs, and continues according
// to the decision.
func TestApproval(t *testing.T) {
	p := newPaying(t, `{required: true}`)
	p.start(Limits{})
	for _, c := range []struct{ name, input, phase, reason, end, content string }{
		{"approved", `{"decision":"approved"}`, "completed", "True ApprovalGranted", "done", "system user assistant tool tool: "},
		{"rejected", `{"decision":"rejected"}`, "failed", "True ApprovalRejected", "done", textRejected},
		{"unreadable", `yes`, "failed", "False InvalidApprovalDecision", "error", "cannot be read"},
		{"unknown", `{"decision":"perhaps"}`, "failed", "False InvalidApprovalDecision", "error", "cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			look, pay := p.called("look"), p.called("pay")
			p.ask(c.name, toPayer, "")
			q := p.awaitPhase(c.name, waitsForInput)
			if r := q.Status.Response; r == nil || *r.Content != "" || *r.Raw != "{}" || *r.Phase != "input-required" || r.Target.Name != "payer" {
				t.Errorf("the response is %+v", r)
			}
			if got := reasonOf(q); !strings.HasPrefix(got, "QueryRunning") {
				t.Errorf("the condition is %s", got)
			}
			if p.called("look") != look || p.called("pay") != pay {
				t.Error("a call of the turn was made before the decision")
			}
			task := p.task(q)
			if m := task.Status.ProtocolMetadata; m["timeout"] != "" || m["onTimeout"] != "reject" ||
				m["toolCalls"] != `[{"function":{"arguments":"{\"amount\":\"100\"}","name":"pay"},"id":"pay-0","type":"function"}]` || !strings.Contains(m["context"], `"AgentName":"payer"`) {
				t.Errorf("the task says %v", m)
			}
			if task.Spec.QueryRef.Name != c.name || *task.Spec.AgentRef.Name != "payer" || task.Spec.A2AServerRef != nil || task.OwnerReferences[0].UID != q.UID {
				t.Errorf("the task is for %+v", task.Spec)
			}
			p.decide(task, `{"decision":""}`) // no decision yet
			time.Sleep(50 * time.Millisecond)
			if q := p.query("default", c.name); phaseOf(q) != waitsForInput {
				t.Errorf("an empty decision makes it %s", phaseOf(q))
			}
			p.decide(p.task(q), c.input)
			end := p.awaitEnd(c.name)
			p.awaitTask(task.Name, c.phase, c.reason)
			if string(phaseOf(end)) != c.end || !strings.Contains(*end.Status.Response.Content, c.content) {
				t.Errorf("got %s: %s", phaseOf(end), *end.Status.Response.Content)
			}
			want := map[string]int{"approved": 1}[c.name]
			if got := p.called("pay") - pay; got != want {
				t.Errorf("it has paid %d times, want %d", got, want)
			}
			if got := p.called("look") - look; c.end == "done" && got != 1 {
				t.Errorf("the call that needs no approval was made %d times", got)
			}
			if end.Status.Response.A2A != nil {
				t.Errorf("it still names a task: %+v", end.Status.Response.A2A)
			}
			if c.end == "done" && *end.Status.TokenUsage.TotalTokens == 0 {
				t.Error("the tokens of the first part are lost")
			}
		})
	}
}

const textRejected = "The call was rejected by the user."

// If no decision arrives, the tool's onTimeout applies.
func TestApprovalTimeout(t *testing.T) {
	for _, c := range []struct{ name, phase, reason, content string }{
		{"reject", "failed", "True ApprovalTimeoutRejected", "nobody approved it in time"},
		{"proceed", "completed", "True ApprovalTimeoutProceeded", "pay 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPaying(t, `{required: true, timeout: 300ms, onTimeout: `+c.name+`}`)
			p.start(Limits{})
			p.ask("q", toPayer, ", timeout: 1s") // waiting for a person does not count
			task := p.task(p.awaitPhase("q", waitsForInput))
			end := p.awaitEnd("q")
			p.awaitTask(task.Name, c.phase, c.reason)
			if phaseOf(end) != v1alpha1.QueryDone || !strings.Contains(*end.Status.Response.Content, c.content) {
				t.Errorf("got %s: %s", phaseOf(end), *end.Status.Response.Content)
			}
		})
	}
}

// Three refusals in a row are allowed, and no more.
func TestApprovalCascade(t *testing.T) {
	p := newPaying(t, `{required: true}`)
	p.start(Limits{})
	p.ask("again", toPayer, "")
	var last string
	for denials := 1; denials <= 4; denials++ {
		q := p.await("default", "again", "waiting anew", func(q *v1alpha1.Query) bool { return phaseOf(q) == waitsForInput && taskOf(q) != last })
		last = taskOf(q)
		p.decide(p.task(q), `{"decision":"rejected"}`)
	}
	end := p.awaitEnd("again")
	if phaseOf(end) != v1alpha1.QueryError || !strings.Contains(reasonOf(end), "refused 4 times") || end.Annotations[annotationDenials] != "4" {
		t.Errorf("got %s: %s, %v", phaseOf(end), reasonOf(end), end.Annotations)
	}
	if p.called("pay") != 0 || p.called("look") != 3 {
		t.Errorf("calls: %v", p.calls)
	}
}

// Only calls whose arguments match need an approval, and a tool's own rule counts too.
func TestApprovalMatches(t *testing.T) {
	p := newPaying(t, `{required: true, argumentMatches: [{argument: amount, pattern: "^[0-9]{4,}$"}]}`)
	p.start(Limits{})
	p.ask("small", toPayer, "")
	if end := p.awaitEnd("small"); phaseOf(end) != v1alpha1.QueryDone || p.called("pay") != 1 {
		t.Errorf("got %s, %v", phaseOf(end), p.calls)
	}
}

// If an approved call fails, the model receives the error.
func TestApprovedCallFails(t *testing.T) {
	p := newPaying(t, `{required: true}`)
	p.apply(agentOf("unlucky", `{prompt: "You pay.", tools: [{type: http, name: look}, {type: http, name: pay, partial: {name: broken, parameters: [{name: x, value: "1"}]}, approval: {required: true}}]}`))
	p.start(Limits{})
	p.ask("q", `{type: agent, name: unlucky}`, "")
	p.decide(p.task(p.awaitPhase("q", waitsForInput)), `{"decision":"approved"}`)
	end := p.awaitEnd("q")
	if phaseOf(end) != v1alpha1.QueryDone || !strings.Contains(*end.Status.Response.Content, "The call failed: ") || p.called("broken") != 1 {
		t.Errorf("got %s: %s", phaseOf(end), *end.Status.Response.Content)
	}
}

// If a member of a team or an agent used as a tool has to wait, the whole run continues from there:
// no question is repeated.
func TestApprovalWithin(t *testing.T) {
	for _, c := range []struct {
		name, objects, target string
		models                int
	}{
		{"a team", team(`{strategy: sequential, members: [{type: agent, name: plain}, {type: agent, name: payer}, {type: agent, name: second}]}`), toTeam, 4},
		{"an agent as a tool", toolOf("helper", `{type: agent, agent: {name: payer}, inputSchema: {type: object, properties: {input: {type: string}}}}`) +
			agentOf("boss", `{prompt: "You delegate.", tools: [{type: agent, name: helper}]}`), `{type: agent, name: boss}`, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			var asked atomic.Int64
			p := newPaying(t, `{required: true}`)
			script := func(r scripted.Request) scripted.Answer {
				asked.Add(1)
				prompt, tools := r.Messages[0].Text(), 0
				for _, m := range r.Messages {
					if m.Role == "tool" {
						tools++
					}
				}
				switch {
				case prompt == "You pay." && tools == 0:
					return scripted.Answer{Calls: []scripted.Call{{ID: "pay-1", Name: "pay", Arguments: `{"amount":"5"}`}}}
				case prompt == "You delegate." && tools == 0:
					return scripted.Answer{Calls: []scripted.Call{{ID: "help-1", Name: "helper", Arguments: `{"input":"pay"}`}}}
				}
				return scripted.Answer{Text: "said by " + prompt}
			}
			model := httptest.NewServer(scripted.New(script))
			t.Cleanup(func() { model.CloseClientConnections(); model.Close() })
			err := p.admin.Ark(v1alpha1.SchemeGroupVersion).Patch(types.MergePatchType).Namespace("default").Resource("models").Name("default").
				Body([]byte(`{"spec":{"config":{"openai":{"baseUrl":{"value":"` + model.URL + `/v1"}}}}}`)).Do(p.ctx).Error()
			if err != nil {
				t.Fatal(err)
			}
			p.apply(c.objects)
			stop := p.start(Limits{})
			p.ask("q", c.target, "")
			q := p.awaitPhase("q", waitsForInput)
			stop() // another process decides and continues
			p.start(Limits{})
			p.decide(p.task(q), `{"decision":"approved"}`)
			end := p.awaitEnd("q")
			if phaseOf(end) != v1alpha1.QueryDone || p.called("pay") != 1 || int(asked.Load()) != c.models {
				t.Errorf("got %s after %d calls of the model, %v: %s", phaseOf(end), asked.Load(), p.calls, *end.Status.Response.Content)
			}
			if !strings.Contains(*end.Status.Response.Raw, "said by ") {
				t.Errorf("raw is %s", *end.Status.Response.Raw)
			}
		})
	}
}

// A Query that waits can be canceled and deleted, and its task is deleted with it. A Query whose
// task is deleted ends with a reason.
func TestApprovalEnds(t *testing.T) {
	p := newPaying(t, `{required: true}`)
	p.start(Limits{})
	p.ask("canceled", toPayer, "")
	task := p.task(p.awaitPhase("canceled", waitsForInput))
	p.patch("canceled", `{"cancel":true}`)
	if end := p.awaitEnd("canceled"); phaseOf(end) != v1alpha1.QueryCanceled {
		t.Errorf("got %s", phaseOf(end))
	}
	p.awaitTask(task.Name, "cancelled", "True TaskCancelled")

	p.ask("orphan", toPayer, "")
	q := p.awaitPhase("orphan", waitsForInput)
	if err := p.admin.Ark(v1alpha1.SchemeGroupVersion).Delete().Namespace("default").Resource("a2atasks").Name(taskPrefix + taskOf(q)).Body(&metav1.DeleteOptions{}).Do(p.ctx).Error(); err != nil {
		t.Fatal(err)
	}
	if end := p.awaitEnd("orphan"); phaseOf(end) != v1alpha1.QueryError || !strings.Contains(reasonOf(end), "is gone") {
		t.Errorf("got %s: %s", phaseOf(end), reasonOf(end))
	}
	if p.called("pay") != 0 {
		t.Error("it has paid")
	}
}

// If a process ends while a Query waits, or right after the decision, the outcome is the same.
func TestApprovalRestart(t *testing.T) {
	p := newPaying(t, `{required: true}`)
	stop := p.start(Limits{})
	p.ask("q", toPayer, "")
	q := p.awaitPhase("q", waitsForInput)
	stop()
	p.decide(p.task(q), `{"decision":"approved"}`)
	p.start(Limits{})
	if end := p.awaitEnd("q"); phaseOf(end) != v1alpha1.QueryDone || p.called("pay") != 1 || p.called("look") != 1 {
		t.Errorf("got %s, %v", phaseOf(end), p.calls)
	}
}
