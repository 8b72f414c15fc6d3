package main

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// shown is the number of slowest Queries, latest errors and groups on the screen.
const shown = 5

// board counts Queries. It stores as little as possible of each: there may be hundreds of
// thousands.
type board struct {
	window time.Duration
	by     string
	phases map[string]string // by UID
	ended  map[string]ended  // by UID; within the window, and slightly before
	open   map[string]opened // by UID; the Queries that run or wait
}

// ended is a Query that has ended.
type ended struct {
	Name   string    `json:"name"`
	Group  string    `json:"-"`
	Target string    `json:"target"`
	At     time.Time `json:"ended"`
	MS     int64     `json:"durationMilliseconds"`
	Tokens int64     `json:"tokens"`
	Error  string    `json:"error,omitempty"`
}

// opened is a Query that has not ended.
type opened struct {
	Name   string    `json:"name"`
	Target string    `json:"target"`
	Phase  string    `json:"phase"`
	Since  time.Time `json:"created"`
}

// snapshot is the content of a board at one moment.
type snapshot struct {
	Time       time.Time      `json:"time"`
	Window     float64        `json:"windowSeconds"`
	Queries    float64        `json:"queriesPerSecond"`
	Tokens     float64        `json:"tokensPerSecond"`
	ErrorShare float64        `json:"errorShare"`
	Phases     map[string]int `json:"phases"`
	By         string         `json:"by"`
	Groups     []group        `json:"groups"`
	Slowest    []ended        `json:"slowest"`
	Longest    []opened       `json:"longestRunning"`
	Errors     []ended        `json:"latestErrors"`
}

// group is the totals of the Queries of one agent or model.
type group struct {
	Name    string `json:"name"`
	Queries int    `json:"queries"`
	Errors  int    `json:"errors"`
	Tokens  int64  `json:"tokens"`
	P50     int64  `json:"p50Milliseconds"`
	P95     int64  `json:"p95Milliseconds"`
}

func newBoard(window time.Duration, by string) *board {
	return &board{window: window, by: by, phases: map[string]string{}, ended: map[string]ended{}, open: map[string]opened{}}
}

func (b *board) remove(uid string) {
	delete(b.phases, uid)
	delete(b.open, uid) // an ended Query counts until the end of the window
}

// put adds or updates a Query.
func (b *board) put(q *v1alpha1.Query) {
	uid, phase := string(q.UID), "pending"
	if q.Status != nil && q.Status.Phase != nil {
		phase = string(*q.Status.Phase)
	}
	b.phases[uid] = phase
	target, group := b.groupOf(q)
	at, over := endOf(q, phase)
	if !over {
		b.open[uid] = opened{Name: q.Name, Target: target, Phase: phase, Since: q.CreationTimestamp.UTC()}
		return
	}
	delete(b.open, uid)
	if time.Since(at) > b.window+time.Minute {
		return
	}
	e := ended{Name: q.Name, Target: target, Group: group, At: at}
	if s := q.Status; s.Duration != nil {
		if d, err := s.Duration.Parse(); err == nil {
			e.MS = d.Milliseconds()
		}
	}
	if s := q.Status; s.TokenUsage != nil && s.TokenUsage.TotalTokens != nil {
		e.Tokens = *s.TokenUsage.TotalTokens
	}
	if r := q.Status.Response; phase == string(v1alpha1.QueryError) {
		e.Error = "failed"
		if r != nil && r.Content != nil && *r.Content != "" {
			e.Error = oneLine(*r.Content, 300)
		}
	}
	b.ended[uid] = e
}

// endOf returns the time at which a Query ended, from its condition Completed.
func endOf(q *v1alpha1.Query, phase string) (time.Time, bool) {
	switch v1alpha1.QueryPhase(phase) {
	case v1alpha1.QueryDone, v1alpha1.QueryError, v1alpha1.QueryCanceled:
	default:
		return time.Time{}, false
	}
	for _, c := range q.Status.Conditions {
		if c.Type == "Completed" && !c.LastTransitionTime.IsZero() {
			return c.LastTransitionTime.UTC(), true
		}
	}
	return q.CreationTimestamp.UTC(), true
}

// groupOf returns the target of a Query, and the group in which it is counted.
func (b *board) groupOf(q *v1alpha1.Query) (target, group string) {
	if t := q.Spec.Target; t != nil {
		target = string(t.Type) + "/" + t.Name
	} else if s := q.Status; s != nil && s.Response != nil && s.Response.Target != nil {
		target = string(s.Response.Target.Type) + "/" + s.Response.Target.Name
	}
	switch b.by {
	case "target":
		return target, target
	case "agent":
		return target, used(q, target, "agent", "agents")
	}
	return target, used(q, target, "model", "models")
}

// used returns the agents or models with which a Query was executed. If they are not known, it
// returns the target if that is an agent or model, otherwise "none".
func used(q *v1alpha1.Query, target, kind, resource string) string {
	with := map[string]string{}
	_ = json.Unmarshal([]byte(q.Annotations[annotationVersions]), &with) // only an engine writes it
	var names []string
	for _, object := range slices.Sorted(maps.Keys(with)) {
		if parts := strings.Split(object, "/"); len(parts) == 3 && parts[0] == resource {
			names = append(names, parts[2])
		}
	}
	if len(names) == 0 {
		if of, name, _ := strings.Cut(target, "/"); of == kind {
			return name
		}
		return "none"
	}
	return strings.Join(names, "+")
}

// snapshot counts the Queries that ended within the window, and removes those that ended before.
func (b *board) snapshot(now time.Time) snapshot {
	s := snapshot{
		Time: now.UTC().Truncate(time.Millisecond), Window: b.window.Seconds(), By: b.by, Phases: map[string]int{},
		Groups: []group{}, Slowest: []ended{}, Longest: []opened{}, Errors: []ended{},
	}
	for _, phase := range b.phases {
		s.Phases[phase]++
	}
	var all []ended
	for uid, e := range b.ended {
		// Conditions have a resolution of one second.
		if now.Sub(e.At) >= b.window+time.Second {
			delete(b.ended, uid)
			continue
		}
		all = append(all, e)
	}
	tokens := int64(0)
	durations, groups := map[string][]int64{}, map[string]*group{}
	for _, e := range all {
		tokens += e.Tokens
		g := groups[e.Group]
		if g == nil {
			g = &group{Name: e.Group}
			groups[e.Group] = g
		}
		g.Queries++
		g.Tokens += e.Tokens
		durations[e.Group] = append(durations[e.Group], e.MS)
		if e.Error != "" {
			g.Errors++
			s.Errors = append(s.Errors, e)
		}
	}
	if len(all) > 0 {
		s.ErrorShare = float64(len(s.Errors)) / float64(len(all))
	}
	s.Queries, s.Tokens = float64(len(all))/s.Window, float64(tokens)/s.Window
	for name, g := range groups {
		slices.Sort(durations[name])
		g.P50, g.P95 = percentile(durations[name], 50), percentile(durations[name], 95)
		s.Groups = append(s.Groups, *g)
	}
	slices.SortFunc(s.Groups, func(a, b group) int { return cmp.Or(b.Queries-a.Queries, cmp.Compare(a.Name, b.Name)) })
	slices.SortFunc(all, func(a, b ended) int { return cmp.Or(cmp.Compare(b.MS, a.MS), cmp.Compare(a.Name, b.Name)) })
	s.Slowest = append(s.Slowest, all[:min(shown, len(all))]...)
	slices.SortFunc(s.Errors, func(a, b ended) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Name, b.Name)) })
	s.Errors = s.Errors[:min(shown, len(s.Errors))]
	for _, o := range b.open {
		s.Longest = append(s.Longest, o)
	}
	slices.SortFunc(s.Longest, func(a, b opened) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Name, b.Name)) })
	s.Longest = s.Longest[:min(shown, len(s.Longest))]
	return s
}

// percentile returns the smallest value that is at least as large as the given percentage of the
// values.
func percentile(sorted []int64, percent int) int64 {
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}
