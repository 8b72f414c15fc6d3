package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/execution"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

// Annotations that the engine sets on Queries.
const (
	// annotationEngine is the identity of the process that runs the Query.
	annotationEngine = "ark.mckinsey.com/engine"
	// annotationVersions are the resourceVersions of the objects that it runs with, as JSON.
	annotationVersions = "ark.mckinsey.com/engine-versions"
	// annotationEffect names a tool whose calls must not be repeated and that is about to be called.
	annotationEffect = "ark.mckinsey.com/engine-effect"
)

// run is a Query that is being executed, or whose end the watch has not delivered yet.
type run struct {
	stop context.CancelCauseFunc
	// claimed is the resourceVersion of the claim, once it is written.
	claimed atomic.Uint64
	// took is the duration of the execution.
	took time.Duration
	// finishing is true while the end is being written.
	finishing atomic.Bool
	// ended is the resourceVersion of the write that ends the Query or makes it wait for a person,
	// once it is written.
	ended atomic.Uint64
	// seen is the latest resourceVersion that the watch has delivered. The engine's mutex guards it.
	seen uint64
}

// execute runs a Query to its end. If another engine has it, execute returns the stored Query.
func (e *Engine) execute(ctx context.Context, q *v1alpha1.Query) (taken *v1alpha1.Query) {
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := &run{stop: stop}
	e.mu.Lock()
	if e.runs[q.UID] != nil {
		e.mu.Unlock()
		return nil
	}
	e.runs[q.UID] = r
	e.mu.Unlock()
	written := false
	defer func() {
		if !written {
			e.mu.Lock()
			delete(e.runs, q.UID)
			e.mu.Unlock()
		}
	}()

	err := e.traced(running, ctx, r, &q)
	switch {
	case err == nil:
		e.options.Observer.QueryEnded(outcomeOf(q), r.took)
		r.ended.Store(versionOf(q))
		written = true
		e.expiry.add(q)
	case errors.Is(err, errTaken) && ctx.Err() == nil:
		return q
	case errors.Is(err, ErrPaused):
		// The watch has to deliver the waiting state before the Query runs again, unless it already has.
		e.mu.Lock()
		r.ended.Store(versionOf(q))
		written = r.seen < versionOf(q)
		e.mu.Unlock()
	case errors.Is(err, errUndecided):
	case errors.Is(err, errStopping), errors.Is(err, errDeleted), errors.Is(err, errOver), ctx.Err() != nil:
	case errors.Is(err, errForeign):
		log(q).Info("The engine has stopped running the query, because somebody else has written its status", "phase", phaseOf(q))
	default:
		log(q).Error(err, "Failed to run the query")
	}
	return nil
}

// traced runs attempt within a span.
func (e *Engine) traced(running, ctx context.Context, r *run, q **v1alpha1.Query) error {
	if e.options.Trace == nil {
		return e.attempt(running, ctx, r, q)
	}
	running, end := e.options.Trace(running, *q)
	err := e.attempt(running, ctx, r, q)
	switch failed := err; {
	case failed == nil && phaseOf(*q) == v1alpha1.QueryError:
		end(errFailed)
	case failed == nil && phaseOf(*q) == v1alpha1.QueryCanceled:
		end(context.Canceled)
	default:
		end(failed)
	}
	return err
}

// errFailed is the span's error of a Query that has failed: the Query's own error may quote the
// question.
var errFailed = errors.New("the query has failed")

// attempt claims a Query, runs it, and writes its end. running ends when the run is stopped, and
// ctx when the engine is.
func (e *Engine) attempt(running, ctx context.Context, r *run, q **v1alpha1.Query) (over error) {
	if terminal(phaseOf(*q)) {
		return errOver
	}
	if isCanceled(*q) {
		return e.finish(ctx, r, q, outcome{err: errCanceled})
	}
	again, resumes := phaseOf(*q) == v1alpha1.QueryRunning, phaseOf(*q) == v1alpha1.QueryInputRequired
	if !again && !resumes && !queueDeadline(*q).After(time.Now()) {
		return e.finish(ctx, r, q, outcome{err: &timeoutError{reasonInQueue, timeoutOf(*q)}})
	}
	events := e.events.admit()
	x, target, buildErr := e.build(running, q, events)
	defer func() { x.Close() }() // x is set even if there is an error
	var found *v1alpha1.QueryTarget
	if target != nil && target.Type != "" {
		found = &v1alpha1.QueryTarget{Type: v1alpha1.QueryTargetType(target.Type), Name: target.Name}
	}
	if again {
		if tool := (*q).Annotations[annotationEffect]; tool != "" {
			return e.finish(ctx, r, q, outcome{target: found, err: fmt.Errorf("the server ended while the query ran, after it had begun to call the tool '%s': a call that must not be repeated", tool)})
		}
		log(*q).Info("The engine runs the query again: the process that ran it has ended")
	}
	var back resumption
	if task := taskOf(*q); task != "" && (again || resumes) && buildErr == nil {
		if back, buildErr = e.resume(running, *q, x, task); errors.Is(buildErr, errUndecided) {
			return buildErr
		}
	}
	kept, memoryErr := e.findMemory(running, *q, x.Objects)
	if buildErr == nil {
		buildErr = memoryErr
	}
	settle, err := e.begin(ctx, r, q, x.Objects.(*objects.Recorder), claiming{
		kept: kept != nil, again: again, concurrent: e.replicas == nil && phaseOf(*q) == v1alpha1.QueryPending && kept == nil && buildErr == nil,
	})
	if err != nil {
		return err
	}
	x.Query = *q
	say := e.speak(*q)
	defer func() {
		_ = settle() // its error has been returned, or is the same
		say.end(*q, over)
	}()
	x.Say = say.chunk()
	if back.task != "" {
		say.decided(back)
		if err := e.noteDenials(ctx, q, back.denials); err != nil {
			return err
		}
		if back.denials > maxDenials && buildErr == nil {
			buildErr = fmt.Errorf("calls of tools were refused %d times, one after the other", back.denials)
		}
	}
	if buildErr == nil {
		x.Asked, buildErr = e.asked(running, *q)
	}
	if isCanceled(*q) {
		return e.finish(ctx, r, q, outcome{err: errCanceled})
	}
	ended := events.operation(*q, "QueryExecution", found)
	o := outcome{target: found, err: buildErr}
	started := time.Now()
	if buildErr == nil {
		o.talk, x.History, o.err = e.open(running, *q, kept)
		if back.task != "" && o.talk != nil {
			o.talk.continues = true
			x.History = x.History[:min(len(x.History), back.history)]
		}
	}
	if buildErr == nil && o.err == nil {
		x.BeforeEffect = func(ctx context.Context, tool string) error {
			if err := settle(); err != nil {
				return err
			}
			return e.noteEffect(ctx, q, tool)
		}
		o.result, o.err = e.guarded(running, target, timeoutOf(*q))
	}
	if err := settle(); err != nil {
		return err
	}
	o.took = time.Since(started)
	r.took = o.took
	if o.err != nil {
		switch cause := context.Cause(running); {
		case ctx.Err() != nil:
			return errStopping
		case errors.Is(cause, errCanceled):
			o.err = errCanceled
		case errors.Is(cause, errDeleted), errors.Is(cause, errForeign), errors.Is(cause, errTaken):
			return cause
		default:
			var late *timeoutError
			if !errors.As(o.err, &late) {
				o.err = fmt.Errorf("query execution failed: %w", o.err)
			}
		}
	}
	if pending := new(execution.Pending); errors.As(o.err, &pending) {
		over = e.pause(ctx, r, q, o, x, pending)
		if errors.Is(over, ErrPaused) {
			say.asks(taskOf(*q), pending)
		}
		if errors.Is(over, ErrPaused) || isOver(over) {
			return over
		}
		o.err = fmt.Errorf("query execution failed: %w", over)
	}
	if o.err == nil && isCanceled(*q) { // the claim has found the cancellation
		o.err = errCanceled
	}
	ended(o.err)
	if o.talk != nil {
		o.talk.save(ctx, *q, o.result, o.err)
	}
	return e.finish(ctx, r, q, o)
}

// build finds and builds the target, with the identity that the Query runs as.
func (e *Engine) build(ctx context.Context, q **v1alpha1.Query, events *events) (*execution.Run, *execution.Target, error) {
	var reader objects.Reader = e.reads
	var err error
	if account := (*q).Spec.ServiceAccount; account != nil && *account != "" {
		reader, err = e.options.Client.As((*q).Namespace, *account)
	}
	x := &execution.Run{
		Services: e.options.Services, Query: *q, Objects: objects.NewRecorder(reader),
		Emit: func(operation, outcome string, data map[string]string) { events.emit(*q, operation, outcome, data) },
	}
	if err != nil {
		return x, nil, err
	}
	target, err := x.NewTarget(ctx)
	return x, target, err
}

// guarded executes a target within a timeout, and converts a panic to an error.
func (e *Engine) guarded(ctx context.Context, target *execution.Target, timeout time.Duration) (_ execution.Result, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, &timeoutError{reasonInExecution, timeout})
	defer cancel()
	defer func() {
		if thrown := recover(); thrown != nil {
			err = fmt.Errorf("the engine has failed: %v", thrown)
			log(&v1alpha1.Query{}).Error(err, "A run panicked", "target", target.Type+"/"+target.Name, "stack", string(debug.Stack()))
		}
	}()
	result, err := target.Execute(ctx)
	var late *timeoutError
	if err != nil && errors.As(context.Cause(ctx), &late) {
		return result, late
	}
	return result, err
}

func (e *Engine) writeStatus(ctx context.Context, q **v1alpha1.Query, still check, change func(*v1alpha1.Query, *v1alpha1.QueryStatus) error) error {
	return e.write(ctx, q, true, still, func(next *v1alpha1.Query) error {
		if next.Status == nil {
			next.Status = &v1alpha1.QueryStatus{}
		}
		return change(next, next.Status)
	})
}

// noteEffect records, once, that a tool is about to be called whose calls must not be repeated.
func (e *Engine) noteEffect(ctx context.Context, q **v1alpha1.Query, tool string) error {
	if (*q).Annotations[annotationEffect] != "" {
		return nil
	}
	err := e.write(ctx, q, false, e.stillOurs, func(next *v1alpha1.Query) error {
		if next.Annotations == nil {
			next.Annotations = map[string]string{}
		}
		next.Annotations[annotationEffect] = tool
		return nil
	})
	if err != nil {
		return fmt.Errorf("note the call of a tool: %w", err)
	}
	return nil
}

// finish writes the end. A result that is too large for an object is replaced with an error that
// says so.
func (e *Engine) finish(ctx context.Context, r *run, q **v1alpha1.Query, o outcome) error {
	r.finishing.Store(true)
	end := func(o outcome) error {
		return e.writeStatus(ctx, q, e.stillOurs, func(next *v1alpha1.Query, s *v1alpha1.QueryStatus) error {
			if terminal(phaseOf(next)) {
				return errForeign
			}
			return o.apply(next, s)
		})
	}
	err := end(o)
	var status apierrors.APIStatus
	if err == nil || !errors.As(err, &status) {
		return err
	}
	why := "the API refuses the answer: " + err.Error()
	if status.Status().Code == http.StatusRequestEntityTooLarge {
		why = "the answer with all its messages is larger than an object may be: --max-object-size says how large"
	}
	log(*q).Info("The answer of the query could not be stored", "reason", cutText(why))
	o.err, o.result.Messages = errors.New(cutText(why)), nil
	return end(o)
}

func cutText(text string) string {
	const most = 1000
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

func versionOf(q *v1alpha1.Query) uint64 {
	n, err := strconv.ParseUint(q.ResourceVersion, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
