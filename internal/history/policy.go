package history

import (
	"encoding/json"
	"slices"
	"time"
)

// Rule says how long versions are kept. Empty lists match all.
type Rule struct {
	// Resources are names such as agents or agents.ark.mckinsey.com.
	Resources  []string
	Namespaces []string
	// Labels must all be the version's.
	Labels map[string]string
	// Phases are values of status.phase.
	Phases []string
	// StatusOnly matches versions that changed the status only.
	StatusOnly bool

	// Versions is how many of those that match the rule an object keeps, and Age how old they get,
	// from when they were replaced; 0 is no bound. Drop keeps none.
	Versions int
	Age      time.Duration
	Drop     bool
	// AgeAfterDeletion is how long versions outlive their object; 0 is no bound.
	AgeAfterDeletion time.Duration
}

// Policy is what is kept: the first rule that matches a version decides, and what none matches is
// kept. What has been replaced within Exact is kept in any case, so that lists as of a time within
// it are what they were; and so is the present version of what there is, and what PinAnnotation
// pins.
type Policy struct {
	Rules []Rule
	Exact time.Duration
}

// PinAnnotation keeps the version that has it for good.
const PinAnnotation = "ark.mckinsey.com/history-pin"

const day = 24 * time.Hour

// DefaultPolicy keeps what changed in the last day, the terminal versions of queries for 30 days,
// and of what else there is 100 versions, for a year.
func DefaultPolicy() Policy {
	return Policy{Exact: day, Rules: []Rule{
		{Resources: []string{"queries"}, Phases: []string{"done", "error", "canceled"}, Versions: 1, Age: 30 * day, AgeAfterDeletion: 30 * day},
		{Resources: []string{"queries"}, Drop: true, AgeAfterDeletion: 30 * day},
		{StatusOnly: true, Drop: true},
		{Versions: 100, Age: 365 * day, AgeAfterDeletion: 365 * day},
	}}
}

// labels and phase of an object, as rules match them.
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

// drop returns those of an object's versions, oldest first and with their objects, that are not
// kept at a time.
func (p *Policy) drop(all []*Version, now time.Time) (gone []*Version) {
	if len(all) == 0 {
		return nil
	}
	counts := make([]int, len(p.Rules))
	last := all[len(all)-1]
	for i := len(all) - 1; i >= 0; i-- {
		v := all[i]
		replaced := now // what is there still is as new as can be
		switch {
		case i+1 < len(all):
			replaced = all[i+1].Time
		case v.Deleted:
			replaced = v.Time
		}
		m := &matched{}
		_ = json.Unmarshal(v.Object, m) // what cannot be read has neither labels nor a phase
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
