package metrics

import (
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/component-base/metrics"
)

// Chat counts requests of OpenAI's API. On a server without it everything stays 0.
type Chat struct {
	firstToken, speed *metrics.HistogramVec

	open     [len(chatTargets)]atomic.Int64
	requests [len(chatTargets)][len(chatOutcomes)]atomic.Int64
	tokens   [len(chatTargets)][2]atomic.Int64
}

// chatTargets are the values of the label target: what a request asks. none is for requests whose
// target is not known.
var chatTargets = [...]string{"agent", "team", "model", "tool", "none"}

// chatOutcomes are the values of the label outcome.
var chatOutcomes = [...]string{"answered", "refused", "failed", "left"}

var tokenKinds = [2]string{"prompt", "completion"}

func newChat(registry metrics.KubeRegistry, f *families) *Chat {
	c := &Chat{}
	histogram := func(f *family, buckets []float64) *metrics.HistogramVec {
		h := metrics.NewHistogramVec(&metrics.HistogramOpts{Name: f.name, Help: f.help, Buckets: buckets, StabilityLevel: stability}, f.labels)
		registry.MustRegister(h)
		for _, target := range chatTargets[:len(chatTargets)-1] {
			h.WithLabelValues(target) // it is 0 until something happens, not missing
		}
		return h
	}
	c.firstToken = histogram(f.chatFirstToken, metrics.ExponentialBuckets(0.005, 2, 14)) // to 41 s
	c.speed = histogram(f.chatSpeed, metrics.ExponentialBuckets(1, 2, 12))               // to 2,048
	collect(registry, []*family{f.chatRequests, f.chatOpen, f.chatTokens}, func(put putter) {
		for i, target := range chatTargets {
			put(f.chatOpen, float64(c.open[i].Load()), target)
			for o, outcome := range chatOutcomes {
				put(f.chatRequests, float64(c.requests[i][o].Load()), target, outcome)
			}
			for k, kind := range tokenKinds {
				put(f.chatTokens, float64(c.tokens[i][k].Load()), target, kind)
			}
		}
	})
	return c
}

// Chat returns what counts requests of OpenAI's API.
func (m *Metrics) Chat() *Chat { return m.chat }

// chatTarget is the index of a target, the last one for what is no target.
func chatTarget(target string) int {
	if i := slices.Index(chatTargets[:], target); i >= 0 {
		return i
	}
	return len(chatTargets) - 1
}

// Opened counts a request whose target is known, until Closed.
func (c *Chat) Opened(target string) { c.open[chatTarget(target)].Add(1) }

// Closed ends what Opened has begun.
func (c *Chat) Closed(target string) { c.open[chatTarget(target)].Add(-1) }

// Ended counts a request by its outcome: answered, refused, failed or left. target is "" where it
// was not found out.
func (c *Chat) Ended(target, outcome string) {
	if o := slices.Index(chatOutcomes[:], outcome); o >= 0 {
		c.requests[chatTarget(target)][o].Add(1)
	}
}

// First records how long the first part of an answer took.
func (c *Chat) First(target string, took time.Duration) {
	c.firstToken.WithLabelValues(chatTargets[chatTarget(target)]).Observe(took.Seconds())
}

// Used counts the tokens of an answer. streaming is the time from its first part to its end; 0 for
// an answer that did not come in parts, whose speed is not known.
func (c *Chat) Used(target string, prompt, completion int64, streaming time.Duration) {
	i := chatTarget(target)
	c.tokens[i][0].Add(prompt)
	c.tokens[i][1].Add(completion)
	if streaming > 0 && completion > 0 {
		c.speed.WithLabelValues(chatTargets[i]).Observe(float64(completion) / streaming.Seconds())
	}
}

// Streams adds what a broker of streams holds. Call it once.
func (m *Metrics) Streams(stats func() StreamStats) {
	f := m.families
	collect(m.registry, []*family{f.streams, f.streamBytes, f.streamEnds, f.streamChunks, f.streamDropped, f.streamOverrun}, func(put putter) {
		s := stats()
		put(f.streams, float64(s.Streams))
		put(f.streamBytes, float64(s.Bytes))
		put(f.streamEnds, float64(s.Readers), "reader")
		put(f.streamEnds, float64(s.Writers), "writer")
		put(f.streamChunks, float64(s.Chunks))
		put(f.streamDropped, float64(s.Dropped))
		put(f.streamOverrun, float64(s.Overrun))
	})
}

// StreamStats are the numbers of a broker of streams: Streams, Bytes, Readers and Writers are what
// there is now, the others count since the start.
type StreamStats struct {
	Streams, Bytes, Readers, Writers int
	Chunks, Dropped, Overrun         int64
}
