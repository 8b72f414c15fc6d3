package a2a

import (
	"context"

	protocol "github.com/a2aproject/a2a-go/v2/a2a"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

const (
	// defaultPage and maxPage are numbers of tasks in one answer.
	defaultPage, maxPage = 50, 100
	// maxReads is how many pages of Queries are read for one answer: most of them may be of other
	// agents.
	maxReads = 20
)

// ListTasks implements a2asrv.RequestHandler. It lists the Queries of the agent, for who may list
// them. An answer may have fewer tasks than asked for, and another page.
func (m *methods) ListTasks(ctx context.Context, r *protocol.ListTasksRequest) (*protocol.ListTasksResponse, error) {
	if err := m.version(); err != nil {
		return nil, err
	}
	size := r.PageSize
	if size == 0 {
		size = defaultPage
	}
	if size < 1 || size > maxPage {
		return nil, fault(protocol.ErrInvalidParams, "pageSize is to be from 1 to %d", maxPage)
	}
	out := &protocol.ListTasksResponse{Tasks: []*protocol.Task{}, PageSize: size, NextPageToken: r.PageToken}
	for read := 0; read < maxReads; read++ {
		// Never more than there is room for: the API's token stands for the end of what was read.
		options := metav1.ListOptions{Limit: int64(size - len(out.Tasks)), Continue: out.NextPageToken}
		list := &v1alpha1.QueryList{}
		err := m.who.api.Get().Namespace(m.agent.Namespace).Resource("queries").VersionedParams(&options, metav1.ParameterCodec).Do(ctx).Into(list)
		if err != nil {
			return nil, faultOf(err)
		}
		for i := range list.Items {
			if q := &list.Items[i]; m.asked(q) && wanted(q, r) {
				task := shorten(taskOf(q), r.HistoryLength)
				if !r.IncludeArtifacts {
					task.Artifacts = nil
				}
				out.Tasks = append(out.Tasks, task)
			}
		}
		out.NextPageToken = list.Continue
		if list.Continue == "" || len(out.Tasks) == size {
			break
		}
	}
	out.TotalSize = len(out.Tasks)
	return out, nil
}

// wanted reports whether a Query is among those that a request is about.
func wanted(q *v1alpha1.Query, r *protocol.ListTasksRequest) bool {
	switch {
	case r.ContextID != "" && contextOf(q) != r.ContextID:
		return false
	case r.Status != protocol.TaskStateUnspecified && stateOf(q) != r.Status:
		return false
	}
	return r.StatusTimestampAfter == nil || changedAt(q).After(*r.StatusTimestampAfter)
}
