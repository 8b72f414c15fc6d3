package rules

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// nextSpeaker is the tool by which the agent of a selector says who is next.
const nextSpeaker = "select-next-speaker"

// DefaultTeam turns the strategies round-robin and graph into sequential, and
// notes a selector's prompt that does not name the tool for its choice.
func DefaultTeam(team *v1alpha1.Team) {
	spec := &team.Spec
	switch spec.Strategy {
	case v1alpha1.TeamSequential:
	case v1alpha1.TeamRoundRobin:
		spec.Strategy, spec.Loops = v1alpha1.TeamSequential, spec.MaxTurns != nil
		noteMigration(team, "round-robin", roundRobinNote(spec.Loops))
	case v1alpha1.TeamGraph:
		spec.Strategy, spec.Loops, spec.MaxTurns, spec.Graph = v1alpha1.TeamSequential, false, nil, nil
		noteMigration(team, "graph", "the strategy 'graph' is deprecated and has become 'sequential', without graph and maxTurns. The 'graph' strategy value will be removed; the spec.graph field is retained for 'selector': change the manifest to strategy: sequential, or to strategy: selector with its graph")
	case v1alpha1.TeamSelector:
		if spec.Selector != nil && !empty(spec.Selector.SelectorPrompt) && !strings.Contains(*spec.Selector.SelectorPrompt, nextSpeaker) {
			noteMigration(team, "selector-prompt", "a selectorPrompt that does not name the tool "+nextSpeaker+" is deprecated: add to it that the agent has to choose with this tool")
		}
	}
}

func roundRobinNote(loops bool) string {
	if loops {
		return "the strategy 'round-robin' is deprecated and has become 'sequential' with loops: change the manifest to strategy: sequential, loops: true and maxTurns"
	}
	return "the strategy 'round-robin' is deprecated and has become 'sequential' without loops, as there is no maxTurns: change the manifest to strategy: sequential"
}

// CheckTeam checks that the strategy has what it needs, and nothing that
// contradicts it, and that the members exist.
func CheckTeam(ctx context.Context, env Env, team *v1alpha1.Team) field.ErrorList {
	s, path := scope{env, team.Namespace}, field.NewPath("spec")
	var errs field.ErrorList
	switch team.Spec.Strategy {
	case "": // the schema requires it
	case v1alpha1.TeamSequential:
		errs = checkSequential(path, &team.Spec)
	case v1alpha1.TeamSelector:
		errs = s.teamSelector(ctx, path, &team.Spec)
	default:
		errs = field.ErrorList{field.Invalid(path.Child("strategy"), string(team.Spec.Strategy),
			fmt.Sprintf("unsupported strategy '%s': use sequential or selector", team.Spec.Strategy))}
	}
	for i := range team.Spec.Members {
		errs = append(errs, s.teamMember(ctx, path.Child("members").Index(i), i, &team.Spec.Members[i], team.Name)...)
	}
	return errs
}

func checkSequential(path *field.Path, spec *v1alpha1.TeamSpec) field.ErrorList {
	switch path := path.Child("maxTurns"); {
	case spec.Loops && spec.MaxTurns == nil:
		return field.ErrorList{field.Required(path, "maxTurns is required when loops is enabled")}
	case !spec.Loops && spec.MaxTurns != nil:
		return field.ErrorList{field.Invalid(path, *spec.MaxTurns, "maxTurns can only be set when loops is enabled")}
	}
	return nil
}

func (s scope) teamSelector(ctx context.Context, path *field.Path, spec *v1alpha1.TeamSpec) (errs field.ErrorList) {
	if spec.Loops {
		errs = append(errs, field.Invalid(path.Child("loops"), true, "loops is not allowed with the selector strategy"))
	}
	if spec.MaxTurns == nil {
		errs = append(errs, field.Required(path.Child("maxTurns"), "maxTurns is required for the selector strategy"))
	}
	agentPath := path.Child("selector", "agent")
	if spec.Selector == nil || empty(spec.Selector.Agent) {
		errs = append(errs, field.Required(agentPath, "selector.agent is required for the selector strategy"))
	} else {
		agent := *spec.Selector.Agent
		errs = append(errs, s.exists(ctx, agentPath, "agents", agent,
			fmt.Sprintf("selector agent '%s' does not exist in namespace '%s': create it first", agent, s.namespace))...)
	}
	if spec.Graph == nil {
		return errs
	}
	edges := path.Child("graph", "edges")
	if len(spec.Graph.Edges) == 0 {
		return append(errs, field.Required(edges, "must have at least one edge; without a graph any member may follow any other"))
	}
	members := map[string]bool{}
	for _, member := range spec.Members {
		members[value(member.Name)] = true
	}
	for i, edge := range spec.Graph.Edges {
		errs = append(errs, checkEdgeEnd(edges.Index(i).Child("from"), i, edge.From, members)...)
		errs = append(errs, checkEdgeEnd(edges.Index(i).Child("to"), i, edge.To, members)...)
	}
	return errs
}

func checkEdgeEnd(path *field.Path, i int, end *string, members map[string]bool) field.ErrorList {
	if end == nil || members[*end] {
		return nil
	}
	return field.ErrorList{field.Invalid(path, *end, fmt.Sprintf("graph edge %d: '%s' is not a member of the team", i, *end))}
}

func (s scope) teamMember(ctx context.Context, path *field.Path, i int, member *v1alpha1.TeamMember, team string) field.ErrorList {
	name, kind := value(member.Name), string(member.Type)
	resource, known := targetResources[kind]
	if name == "" || !known {
		return nil // the schema's to refuse
	}
	path = path.Child("name")
	if name == team {
		return field.ErrorList{field.Invalid(path, name, fmt.Sprintf("team member %d references the team itself: no member, of whatever type, may have the name of its team", i))}
	}
	return s.exists(ctx, path, resource, name,
		fmt.Sprintf("team member %d references %s: %s '%s' does not exist in namespace '%s': create it first", i, kind, kind, name, s.namespace))
}
