package a2a

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	protocol "github.com/a2aproject/a2a-go/v2/a2a"
	"github.com/a2aproject/a2a-go/v2/a2asrv"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/ask"
)

// methods are those of the protocol, of one agent for one request.
type methods struct {
	server *Server
	who    *caller
	agent  *v1alpha1.Agent
	// unknown is a version of the protocol that the client asks for and nobody here speaks.
	unknown string
}

var _ a2asrv.RequestHandler = &methods{}

// cancelTimeout bounds how long a canceled task is waited for.
const cancelTimeout = 10 * time.Second

// version refuses clients that speak another one.
func (m *methods) version() error {
	if m.unknown != "" {
		return fault(protocol.ErrVersionNotSupported, "version %s of the protocol is not spoken here: use 1.0 or 0.3", m.unknown)
	}
	return nil
}

// SendMessage implements a2asrv.RequestHandler. The task is returned when it has ended or waits for
// somebody.
func (m *methods) SendMessage(ctx context.Context, r *protocol.SendMessageRequest) (protocol.SendMessageResult, error) {
	q, err := m.send(ctx, r, false)
	if err != nil {
		return nil, err
	}
	if r.Config == nil || !r.Config.ReturnImmediately {
		if q, err = m.settle(ctx, q, settled); err != nil {
			return nil, err
		}
	}
	var most *int
	if r.Config != nil {
		most = r.Config.HistoryLength
	}
	return shorten(taskOf(q), most), nil
}

// send makes the Query of a message, or decides what the Query of one waits for.
func (m *methods) send(ctx context.Context, r *protocol.SendMessageRequest, streams bool) (*v1alpha1.Query, error) {
	switch {
	case m.version() != nil:
		return nil, m.version()
	case r == nil || r.Message == nil:
		return nil, fault(protocol.ErrInvalidParams, "there is no message")
	case r.Config != nil && r.Config.PushConfig != nil:
		return nil, protocol.ErrPushNotificationNotSupported
	case r.Message.TaskID == "":
		return m.make(ctx, r.Message, streams)
	}
	q, err := m.find(ctx, r.Message.TaskID)
	if err != nil {
		return nil, err
	}
	if r.Message.ContextID != "" && r.Message.ContextID != contextOf(q) {
		return nil, fault(protocol.ErrInvalidParams, "the task %s belongs to another context", q.Name)
	}
	if ask.Ended(q) {
		return nil, fault(protocol.ErrUnsupportedOperation, "the task %s has ended: leave taskId out, and keep contextId to go on with the conversation", q.Name)
	}
	return m.decide(ctx, q, r.Message)
}

// settle waits until a Query is as it should be, or the server stops: then it is returned as it is.
func (m *methods) settle(ctx context.Context, q *v1alpha1.Query, enough func(*v1alpha1.Query) bool) (*v1alpha1.Query, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-m.server.closing:
			stop()
		case <-ctx.Done():
		}
	}()
	for !enough(q) {
		next, err := ask.Next(ctx, m.server.options.System, q)
		switch {
		case err != nil && m.server.stopping():
			return q, nil
		case err != nil && apierrors.IsNotFound(err):
			return nil, fault(protocol.ErrTaskNotFound, "the task %s was deleted", q.Name)
		case err != nil:
			return nil, faultOf(err)
		}
		q = next
	}
	return q, nil
}

// find returns the Query of a task, if the caller has made it or may get it.
func (m *methods) find(ctx context.Context, id protocol.TaskID) (*v1alpha1.Query, error) {
	missing := fault(protocol.ErrTaskNotFound, "there is no task %q of this agent", string(id))
	if err := m.version(); err != nil {
		return nil, err
	}
	if len(rest.IsValidPathSegmentName(string(id))) > 0 || id == "" {
		return nil, missing
	}
	q := &v1alpha1.Query{}
	err := m.server.options.System.Get(ctx, "queries", m.agent.Namespace, string(id), q)
	if err == nil && !m.owns(q) {
		err = m.who.api.Get().Namespace(m.agent.Namespace).Resource("queries").Name(string(id)).Do(ctx).Into(q)
	}
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err), err == nil && !m.asked(q):
		return nil, missing
	case err != nil:
		return nil, faultOf(err)
	}
	return q, nil
}

// owns reports whether the caller has made a Query here.
func (m *methods) owns(q *v1alpha1.Query) bool {
	return q.Annotations[annotationUser] == m.who.user.GetName()
}

// asked reports whether a Query is for this agent.
func (m *methods) asked(q *v1alpha1.Query) bool {
	t := q.Spec.Target
	return t != nil && t.Type == v1alpha1.QueryTargetAgent && t.Name == m.agent.Name
}

// GetTask implements a2asrv.RequestHandler.
func (m *methods) GetTask(ctx context.Context, r *protocol.GetTaskRequest) (*protocol.Task, error) {
	q, err := m.find(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	return shorten(taskOf(q), r.HistoryLength), nil
}

// CancelTask implements a2asrv.RequestHandler. Somebody else's task needs the right to patch its
// Query.
func (m *methods) CancelTask(ctx context.Context, r *protocol.CancelTaskRequest) (*protocol.Task, error) {
	q, err := m.find(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	if ask.Ended(q) {
		return nil, fault(protocol.ErrTaskNotCancelable, "the task %s has ended", q.Name)
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": q.UID}, "spec": map[string]bool{"cancel": true}})
	if err != nil {
		return nil, faultOf(err)
	}
	api := m.who.api
	if m.owns(q) {
		api = m.server.options.System.Ark(v1alpha1.SchemeGroupVersion)
	}
	if err := api.Patch(types.MergePatchType).Namespace(q.Namespace).Resource("queries").Name(q.Name).Body(patch).Do(ctx).Into(q); err != nil {
		return nil, faultOf(err)
	}
	waiting, stop := context.WithTimeout(ctx, cancelTimeout)
	defer stop()
	// An engine that takes longer is told of as it is: the client may ask again.
	if ended, err := m.settle(waiting, q, ask.Ended); err == nil {
		q = ended
	}
	return taskOf(q), nil
}

// SendStreamingMessage implements a2asrv.RequestHandler.
func (m *methods) SendStreamingMessage(ctx context.Context, r *protocol.SendMessageRequest) iter.Seq2[protocol.Event, error] {
	return func(yield func(protocol.Event, error) bool) {
		q, err := m.send(ctx, r, true)
		if err != nil {
			yield(nil, err)
			return
		}
		m.follow(ctx, q, yield)
	}
}

// SubscribeToTask implements a2asrv.RequestHandler.
func (m *methods) SubscribeToTask(ctx context.Context, r *protocol.SubscribeToTaskRequest) iter.Seq2[protocol.Event, error] {
	return func(yield func(protocol.Event, error) bool) {
		q, err := m.find(ctx, r.ID)
		if err == nil && ask.Ended(q) {
			err = fault(protocol.ErrUnsupportedOperation, "the task %s has ended: get it", q.Name)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		m.follow(ctx, q, yield)
	}
}

// GetTaskPushConfig implements a2asrv.RequestHandler.
func (m *methods) GetTaskPushConfig(context.Context, *protocol.GetTaskPushConfigRequest) (*protocol.TaskPushConfig, error) {
	return nil, protocol.ErrPushNotificationNotSupported
}

// ListTaskPushConfigs implements a2asrv.RequestHandler.
func (m *methods) ListTaskPushConfigs(context.Context, *protocol.ListTaskPushConfigRequest) ([]*protocol.TaskPushConfig, error) {
	return nil, protocol.ErrPushNotificationNotSupported
}

// CreateTaskPushConfig implements a2asrv.RequestHandler.
func (m *methods) CreateTaskPushConfig(context.Context, *protocol.CreateTaskPushConfigRequest) (*protocol.TaskPushConfig, error) {
	return nil, protocol.ErrPushNotificationNotSupported
}

// DeleteTaskPushConfig implements a2asrv.RequestHandler.
func (m *methods) DeleteTaskPushConfig(context.Context, *protocol.DeleteTaskPushConfigRequest) error {
	return protocol.ErrPushNotificationNotSupported
}

// GetExtendedAgentCard implements a2asrv.RequestHandler.
func (m *methods) GetExtendedAgentCard(context.Context, *protocol.GetExtendedAgentCardRequest) (*protocol.AgentCard, error) {
	return nil, protocol.ErrExtendedCardNotConfigured
}
