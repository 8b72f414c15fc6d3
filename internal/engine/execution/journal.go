package execution

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// maxJournal bounds the journal of a run: a larger one could not be stored with an approval.
const maxJournal = 8 << 20

// errTooLong ends a run whose journal would exceed the bound.
var errTooLong = errors.New("the run has done too much to wait for the approval of a person")

// step is an action that a run has completed; it is not repeated when the run continues. Key
// identifies it.
type step struct {
	Key string `json:"key"`
	// Said are the messages of a model or of a remote agent, and Usage is the tokens that they used.
	Said  []provider.Message `json:"said,omitempty"`
	Usage provider.Usage     `json:"usage"`
	// Text and Images are the result of a tool.
	Text   string   `json:"text,omitempty"`
	Images []string `json:"images,omitempty"`
	// Decision is the decision on an approval.
	Decision Decision `json:"decision,omitempty"`
}

func (s step) size() int {
	n := len(s.Key) + len(s.Text) + 100
	for _, m := range s.Said {
		n += len(m.Content) + 100
		for _, c := range m.ToolCalls {
			n += len(c.Arguments) + 100
		}
	}
	for _, i := range s.Images {
		n += len(i)
	}
	return n
}

// journal lists what a run has done, in order. A run is one goroutine, and repeats the same steps
// in the same order when it starts again with the same objects. It reaches its earlier position by
// looking up the completed steps.
type journal struct {
	steps []step
	at    int // index of the next step to look up
	size  int
	full  bool
	// waits is the key of the approval that the run waits for.
	waits string
}

// journalText is the stored form of a journal.
type journalText struct {
	Query string `json:"query"`
	// History is the number of messages that the conversation had.
	History int    `json:"history"`
	Steps   []step `json:"steps"`
	// Waits is the key of the approval.
	Waits string `json:"waits"`
}

// Journal returns the steps that were completed until the run became Pending, as input of Resume.
func (r *Run) Journal() ([]byte, error) {
	if r.journal.full {
		return nil, errTooLong
	}
	text, err := json.Marshal(journalText{string(r.Query.UID), len(r.History), r.journal.steps, r.journal.waits})
	if err != nil {
		return nil, fmt.Errorf("encode what the run has done: %w", err)
	}
	return text, nil
}

// Resume makes a run that has not begun continue from where it became Pending, with the decision.
// It returns how many messages the conversation had then, and how many decisions in a row before
// this one were refusals.
func (r *Run) Resume(text []byte, decision Decision) (history, denials int, err error) {
	var in journalText
	if err := json.Unmarshal(text, &in); err != nil {
		return 0, 0, fmt.Errorf("read what the run has done: %w", err)
	}
	if in.Query != string(r.Query.UID) {
		return 0, 0, errors.New("what the run has done is that of another query")
	}
	r.journal = journal{steps: append(in.Steps, step{Key: in.Waits, Decision: decision})}
	for _, s := range r.journal.steps {
		r.journal.size += s.size()
		denials = count(s.Decision, denials)
	}
	return in.History, denials, nil
}

// count returns the number of refusals in a row after decision d.
func count(d Decision, denials int) int {
	switch d {
	case Approved:
		return 0
	case Rejected, TimedOut:
		return denials + 1
	}
	return denials
}

// replay looks up a step that was completed before. It returns an error if the run differs from the
// recorded one.
func (r *Run) replay(key string) (_ step, known bool, err error) {
	j := &r.journal
	if j.at >= len(j.steps) {
		return step{}, false, nil
	}
	if s := j.steps[j.at]; s.Key == key {
		j.at++
		return s, true, nil
	}
	return step{}, false, fmt.Errorf("what the query runs with has changed while it waited for an approval: it does not come to %q again", cut(j.steps[j.at].Key, maxToolError))
}

// replayWhole looks up a step that consists of steps: it may have been completed as a whole, or
// only in part.
func (r *Run) replayWhole(key string) (step, bool) {
	if j := &r.journal; j.at < len(j.steps) && j.steps[j.at].Key == key {
		j.at++
		return j.steps[j.at-1], true
	}
	return step{}, false
}

// note records a step, which replaces the steps recorded since from.
func (r *Run) note(from int, s step) {
	j := &r.journal
	if j.full || j.at < len(j.steps) {
		return
	}
	for _, part := range j.steps[from:] {
		j.size -= part.size()
	}
	j.steps = append(j.steps[:from], s)
	j.at, j.size = len(j.steps), j.size+s.size()
	if j.size > maxJournal {
		*j = journal{full: true}
	}
}
