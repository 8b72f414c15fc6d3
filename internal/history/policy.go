package history

import (
	"encoding/json"
	"slices"
	"time"
)

// Rule determines how long versions are kept. Empty lists match everything.
type Rule struct {
	// Resources are names such as agents or agents.ark.mckinsey.com.
	Resources  []string
	Namespaces []string
	// Labels are labels that the version must have.
	Labels map[string]string
	// Phases are values of status.phase, one of which must match.
	Phases []string
	// StatusOnly matches versions that changed only the status.
	StatusOnly bool

	// Versions is how many of the versions that match the rule are kept for an object, and Age how
	// long they are kept after they were replaced; 0 is no bound. Drop keeps none.
	Versions int
	Age      time.Duration
	Drop     bool
	// AgeAfterDeletion is how long versions are kept after the deletion of their object; 0 is no
	// bound.
	AgeAfterDeletion time.Duration
}

// Policy determines which versions are kept. The first rule that matches a version decides; a
// version that no rule matches is kept. Three kinds of versions are always kept: those replaced
// within Exact, so that as-of lists within that time are unchanged; the current versions of live
// objects; and versions with PinAnnotation.
type Policy struct {
	Rules []Rule
	Exact time.Duration
}

// PinAnnotation keeps the version that has it permanently.
const PinAnnotation = "ark.mckinsey.com/history-pin"

const day = 24 * time.Hour

// DefaultPolicy keeps the versions of the last day, the terminal versions of queries for 30 days,
// and of all others 100 versions, for a year.
func DefaultPolicy() Policy {
	return Policy{Exact: day, Rules: []Rule{
		{Resources: []string{"queries"}, Phases: []string{"done", "error", "canceled"}, Versions: 1, Age: 30 * day, AgeAfterDeletion: 30 * day},
		{Resources: []string{"queries"}, Drop: true, AgeAfterDeletion: 30 * day},
		{StatusOnly: true, Drop: true},
		{Versions: 100, Age: 365 * day, AgeAfterDeletion: 365 * day},
	}}
}

// matched has the labels and the phase of an object, which rules match.
type matched struct {
	Metadata struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

func (r *Rule) matches(v *Version, m *matched) bool {
	for name, value := range r.Labels {
		if has, ok := m.Metadata.Labels[name]; !ok || has != value {
			return false
		}
	}
	return among(r.Namespaces, v.Namespace) && among(r.Phases, m.Status.Phase) && (!r.StatusOnly || v.StatusOnly) &&
		(len(r.Resources) == 0 || slices.Contains(r.Resources, v.Resource.Resource) || slices.Contains(r.Resources, v.Resource.String()))
}

func among(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }

// drop returns the versions of an object, given oldest first and with their objects, that are not
// kept at a time.
func (p *Policy) drop(all []*Version, now time.Time) (gone []*Version) {
	if len(all) == 0 {
		return nil
	}
	counts := make([]int, len(p.Rules))
	last := all[len(all)-1]
	for i := len(all) - 1; i >= 0; i-- {
		v := all[i]
		replaced := now // the current version counts as replaced now
		switch {
		case i+1 < len(all):
			replaced = all[i+1].Time
		case v.Deleted:
			replaced = v.Time
		}
		m := &matched{}
		_ = json.Unmarshal(v.Object, m) // an object that cannot be decoded has neither labels nor a phase
		at := slices.IndexFunc(p.Rules, func(r Rule) bool { return r.matches(v, m) })
		_, pinned := m.Metadata.Annotations[PinAnnotation]
		if at < 0 || pinned {
			continue
		}
		r := &p.Rules[at]
		counts[at]++
		if (i == len(all)-1 && !v.Deleted) || now.Sub(replaced) < p.Exact {
			continue
		}
		if r.Drop && !v.Deleted || r.Versions > 0 && counts[at] > r.Versions || r.Age > 0 && now.Sub(replaced) > r.Age ||
			last.Deleted && r.AgeAfterDeletion > 0 && now.Sub(last.Time) > r.AgeAfterDeletion {
			gone = append(gone, v)
		}
	}
	slices.Reverse(gone)
	return gone
}
