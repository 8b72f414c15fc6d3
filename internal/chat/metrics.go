package chat

import "time"

// Observer counts requests for completions. It is safe for concurrent use. A target is agent, team,
// model or tool; "" if it is not known.
type Observer interface {
	// Opened is called for a request whose target is known, and Closed once when that request has
	// ended.
	Opened(target string)
	Closed(target string)
	// Ended is called for every request, with the outcome answered, refused, failed or left.
	Ended(target, outcome string)
	// First reports the time to the first part of a stream.
	First(target string, took time.Duration)
	// Used reports the tokens of an answer by the models' count, and how long it streamed; 0 for an
	// answer in one part.
	Used(target string, prompt, completion int64, streaming time.Duration)
}

// Outcomes of a request.
const (
	answered = "answered"
	refused  = "refused"
	failed   = "failed"
	left     = "left"
)

// outcome returns the outcome of a request. gone is true if the client has disconnected.
func outcome(fault *Fault, gone bool) string {
	switch {
	case gone:
		return left
	case fault == nil:
		return answered
	case fault.Status >= 500:
		return failed
	}
	return refused
}

// open counts the request as in progress, until the returned function is called.
func (x *exchange) open() (closed func()) {
	observer, kind := x.server.options.Observer, string(x.to.kind)
	observer.Opened(kind)
	return func() { observer.Closed(kind) }
}

// count counts the tokens of a Query that is done.
func (x *exchange) count() {
	used := usageOf(x.query)
	if used == nil || x.again {
		return
	}
	streaming := time.Duration(0)
	if x.parts > 1 {
		streaming = time.Since(x.first)
	}
	x.server.options.Observer.Used(string(x.to.kind), used.Prompt, used.Completion, streaming)
}
