package execution

import (
	"context"
	"errors"
	"fmt"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// member is an agent or a team in a team.
type member interface {
	asker
	name() string
	description() string
	kind() string
}

// team is a team with its members.
type team struct {
	run     *Run
	object  *v1alpha1.Team
	members []member
	// selector chooses the next member, if the strategy is selector.
	selector *selector
}

func (r *Run) newTeam(ctx context.Context, namespace, name string, depth int) (*team, error) {
	t, err := r.buildTeam(ctx, namespace, name, depth)
	if err != nil {
		return nil, fmt.Errorf("team %s/%s: %w", namespace, name, err)
	}
	return t, nil
}

func (r *Run) buildTeam(ctx context.Context, namespace, name string, depth int) (*team, error) {
	if err := checkDepth(depth); err != nil {
		return nil, err
	}
	t := &team{run: r, object: &v1alpha1.Team{}}
	if err := r.get(ctx, "team", "teams", namespace, name, t.object); err != nil {
		return nil, err
	}
	if len(t.object.Spec.Members) == 0 {
		return nil, errors.New("the team has no members")
	}
	for _, spec := range t.object.Spec.Members {
		var m member
		var err error
		switch spec.Type {
		case v1alpha1.TeamMemberAgent:
			m, err = r.newAgent(ctx, namespace, deref(spec.Name), depth+1)
		case v1alpha1.TeamMemberTeam:
			m, err = r.newTeam(ctx, namespace, deref(spec.Name), depth+1)
		default:
			err = fmt.Errorf("member '%s' has the unsupported type '%s'", deref(spec.Name), spec.Type)
		}
		if err != nil {
			return nil, err
		}
		t.members = append(t.members, m)
	}
	if t.object.Spec.Strategy == v1alpha1.TeamSelector {
		var err error
		if t.selector, err = r.newSelector(ctx, t, depth); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *team) name() string { return t.object.Name }

func (t *team) description() string { return deref(t.object.Spec.Description) }

func (t *team) kind() string { return "team" }

// ask runs the members on a question by the team's strategy. Only the answer of the team itself
// counts as one given by terminate.
func (t *team) ask(ctx context.Context, history []provider.Message, input provider.Message) (_ turn, err error) {
	full := t.object.Namespace + "/" + t.object.Name
	ended := t.run.operation("TeamExecution", map[string]string{
		"teamName": full, "strategy": string(t.object.Spec.Strategy), "memberCount": fmt.Sprint(len(t.members)),
	})
	defer func() { ended(err) }()
	defer t.run.inTeam(t.object.Name)()
	w := &work{team: t, history: history, input: input}
	switch t.object.Spec.Strategy {
	case v1alpha1.TeamSequential:
		if t.object.Spec.Loops {
			err = w.loop(ctx)
		} else {
			err = w.once(ctx)
		}
	case v1alpha1.TeamRoundRobin:
		err = w.loop(ctx)
	case v1alpha1.TeamSelector:
		err = w.selected(ctx)
	case v1alpha1.TeamGraph:
		err = w.graph(ctx)
	default:
		err = fmt.Errorf("unsupported strategy '%s'", t.object.Spec.Strategy)
	}
	if err != nil {
		return w.out, fmt.Errorf("team %s: %w", full, err)
	}
	return w.out, nil
}

// work is the state of a team that works on one question.
type work struct {
	team    *team
	history []provider.Message
	input   provider.Message
	out     turn
	turns   int64
}

// let runs a member's turn, and reports whether it has ended the team's work.
func (w *work) let(ctx context.Context, m member, history []provider.Message) (ended bool, err error) {
	done := w.team.run.operation("TeamMember", map[string]string{
		"teamName": w.team.object.Namespace + "/" + w.team.object.Name, "memberType": m.kind(), "memberName": m.name(), "turn": fmt.Sprint(w.turns),
	})
	defer func() { done(err) }()
	answer, err := m.ask(ctx, append(history[:len(history):len(history)], w.out.messages...), w.input)
	if err != nil {
		return false, err
	}
	if m.kind() == "team" {
		// Members of an inner team speak in the name of that team.
		for i := range answer.messages {
			if answer.messages[i].Role == provider.Assistant {
				answer.messages[i].Name = m.name()
			}
		}
	}
	w.turns++
	w.out.messages = append(w.out.messages, answer.messages...)
	w.out.terminated, w.out.last, w.out.schema = false, "", answer.schema
	if answer.terminated {
		// If the tool terminate gave the answer, it is the member's last message.
		w.out.terminated, w.out.last = true, answer.last
		return m.kind() == "agent", nil
	}
	return false, nil
}

// atLimit reports whether the team has used all its turns, and adds a message if so.
func (w *work) atLimit() bool {
	most := w.team.object.Spec.MaxTurns
	if most == nil || w.turns < *most {
		return false
	}
	w.say(fmt.Sprintf("Team %s has reached its limit of %d turns", w.team.object.Name, *most))
	return true
}

// say adds a message of the team itself.
func (w *work) say(text string) {
	w.out.messages = append(w.out.messages, provider.Message{Role: provider.System, Content: text})
}

// once runs the members one after another.
func (w *work) once(ctx context.Context) error {
	for _, m := range w.team.members {
		if ended, err := w.let(ctx, m, w.history); ended || err != nil {
			return err
		}
	}
	return nil
}

// loop runs the members one after another, repeatedly.
func (w *work) loop(ctx context.Context) error {
	for {
		for _, m := range w.team.members {
			if w.atLimit() {
				return nil
			}
			if err := context.Cause(ctx); err != nil {
				return err
			}
			ended, err := w.let(ctx, m, w.history)
			if err != nil {
				return fmt.Errorf("member %s: %w", m.name(), err)
			}
			if ended {
				return nil
			}
			if w.turns > maxTeamTurns {
				return fmt.Errorf("the members have taken %d turns without an end", w.turns)
			}
		}
	}
}

// maxTeamTurns bounds the turns of a team that sets no limit.
const maxTeamTurns = 1000
