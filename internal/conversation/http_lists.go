package conversation

import (
	"context"
	"fmt"
	"net/http"
)

// conversationPage is the list of conversations: as ids, in the form of Ark's broker, and as a
// page.
type conversationPage struct {
	Conversations []string `json:"conversations"`
	page
}

func (s *Store) conversations(ctx context.Context, namespace string) (any, error) {
	all, err := s.List(ctx, namespace)
	out := conversationPage{[]string{}, page{Items: orEmpty(all), Total: len(all)}}
	for _, c := range all {
		out.Conversations = append(out.Conversations, c.ID)
	}
	return out, err
}

// messagePage is a conversation with a page of its messages, under both field names that clients
// use.
type messagePage struct {
	ID       string `json:"conversation_id"`
	Messages any    `json:"messages"`
	page
}

func (s *Store) conversation(r *http.Request, namespace, id string) (any, error) {
	out, err := s.get(r, namespace, id, "")
	if err == nil && out.Total == 0 {
		err = &fault{http.StatusNotFound, "NOT_FOUND", fmt.Sprintf("the conversation %s has no messages", id)}
	}
	return messagePage{id, out.Items, out}, err
}

// counts has the numbers of messages and queries of a conversation.
type counts struct {
	Messages int `json:"message_count"`
	Queries  int `json:"query_count"`
}

// status returns the counts of each conversation.
func (s *Store) status(ctx context.Context, namespace string) (any, error) {
	all, err := s.List(ctx, namespace)
	if err != nil {
		return nil, err
	}
	total, each := 0, map[string]counts{}
	for _, c := range all {
		messages, err := s.Messages(ctx, namespace, c.ID, "")
		if err != nil {
			return nil, err
		}
		queries := map[string]bool{}
		for _, m := range messages {
			queries[m.Query] = true
		}
		total += len(messages)
		each[c.ID] = counts{len(messages), len(queries)}
	}
	return map[string]any{"total_conversations": len(all), "total_messages": total, "conversations": each}, nil
}
