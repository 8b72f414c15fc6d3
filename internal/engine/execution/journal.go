package execution

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mckinsey/ark-server/internal/engine/provider"
)

// maxJournal bounds what is remembered of a run: more could not be stored with an approval.
const maxJournal = 8 << 20

// errTooLong is the end of a run that would have to remember more.
var errTooLong = errors.New("the run has done too much to wait for the approval of a person")

// step is something that a run has done: when the run goes on it is not done again. Key says what
// it was.
type step struct {
	Key string `json:"key"`
	// Said are the messages of a model, or of an agent elsewhere, and Usage is what they took.
	Said  []provider.Message `json:"said,omitempty"`
	Usage provider.Usage     `json:"usage"`
	// Text and Images are the result of a tool.
	Text   string   `json:"text,omitempty"`
	Images []string `json:"images,omitempty"`
	// Decision is that on an approval.
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

// journal is what a run has done, in order. A run is one goroutine, and does the same things in the
// same order when it begins again with the same objects: so it comes to where it has been by
// looking up what it has done.
type journal struct {
	steps []step
	at    int // the next to look up
	size  int
	full  bool
	// waits is the key of the approval that the run waits for.
	waits string
}

// journalText is a journal as it is stored.
type journalText struct {
	Query string `json:"query"`
	// History is how many messages of the conversation there were.
	History int    `json:"history"`
	Steps   []step `json:"steps"`
	// Waits is the key of the approval.
	Waits string `json:"waits"`
}

// Journal is what has been done until the run became Pending, for Resume.
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

// Resume has a run that is about to begin go on where it became Pending, with the decision. It
// returns how many messages of the conversation there were then, and how many decisions before it,
// one after the other, have been no approval.
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

// count counts decisions that are no approval, one after the other.
func count(d Decision, denials int) int {
	switch d {
	case Approved:
		return 0
	case Rejected, TimedOut:
		return denials + 1
	}
	return denials
}

// replay looks up a step that was done before. An error says that the run is not what it was.
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

// replayWhole looks up a step whose parts are steps too: it may have been done as a whole, or only
// in part.
func (r *Run) replayWhole(key string) (step, bool) {
	if j := &r.journal; j.at < len(j.steps) && j.steps[j.at].Key == key {
		j.at++
		return j.steps[j.at-1], true
	}
	return step{}, false
}

// note remembers a step in the place of those that were done since from.
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
