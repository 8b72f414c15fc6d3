package execution

import (
	"context"
	"slices"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

func (t *team) member(name string) member {
	i := slices.IndexFunc(t.members, func(m member) bool { return m.name() == name })
	if i < 0 {
		return nil
	}
	return t.members[i]
}

// edges returns the edges between members.
func (t *team) edges() []v1alpha1.TeamGraphEdge {
	if t.object.Spec.Graph == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(t.object.Spec.Graph.Edges), func(e v1alpha1.TeamGraphEdge) bool {
		return t.member(deref(e.From)) == nil || t.member(deref(e.To)) == nil
	})
}

// graph implements the strategy of that name, which only older objects use: it starts at the first
// member and follows the last edge that leaves each.
func (w *work) graph(ctx context.Context) error {
	next := w.team.members[0]
	edges := w.team.edges()
	for !w.atLimit() && w.turns <= maxTeamTurns {
		if ended, err := w.let(ctx, next, w.history); ended || err != nil {
			return err
		}
		from := next
		next = nil
		for _, e := range edges {
			if deref(e.From) == from.name() {
				next = w.team.member(deref(e.To))
			}
		}
		if next == nil {
			return nil
		}
	}
	return nil
}
