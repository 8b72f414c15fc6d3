package engine

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

const (
	annotationEventData = "ark.mckinsey.com/event-data"
	// Rate limit for the Events of one Query: eventBurst at once, then eventRate per second.
	eventBurst = 100
	eventRate  = 1
	// Rate limit for Queries with Events: loudBurst at once, then loudRate per second. The others get
	// none: a query has half a dozen Events or more, each of which is a write, and they would slow
	// down the queries.
	loudBurst = 100
	loudRate  = 10
	// silentReport is the shortest interval at which the log reports how many Queries had no Events.
	silentReport = time.Minute
)

// events writes core Events about operations. A nil *events writes none.
type events struct {
	broadcaster record.EventBroadcaster
	recorder    record.EventRecorder
	rate        float32
	budget      flowcontrol.PassiveRateLimiter
	count       func() // Queries without Events

	mu       sync.Mutex
	silent   int // Queries without Events since reported
	reported time.Time
}

func newEvents(ctx context.Context, o Options) *events {
	if !o.Events {
		return nil
	}
	broadcaster := record.NewBroadcaster(record.WithContext(ctx), record.WithCorrelatorOptions(record.CorrelatorOptions{BurstSize: eventBurst, QPS: eventRate}))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: o.Client.Core.CoreV1().Events("")})
	rate := o.EventRate
	if rate == 0 {
		rate = loudRate
	}
	return &events{
		broadcaster: broadcaster, recorder: broadcaster.NewRecorder(runtime.NewScheme(), corev1.EventSource{Component: "ark-engine"}),
		count:  o.Observer.QueryWithoutEvents,
		rate:   rate,
		budget: flowcontrol.NewTokenBucketPassiveRateLimiter(rate, loudBurst),
	}
}

// admit returns the emitter for one more Query: it emits all Events, or none if the rate limit is
// reached.
func (v *events) admit() *events {
	if v == nil || v.budget.TryAccept() {
		return v
	}
	v.count()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.silent++
	if now := time.Now(); now.Sub(v.reported) >= silentReport {
		klog.InfoS("Queries run without Events: there are too many at a time", "queries", v.silent, "eventsOfQueriesPerSecond", v.rate)
		v.silent, v.reported = 0, now
	}
	return nil
}

func (v *events) stop() {
	if v != nil {
		v.broadcaster.Shutdown()
	}
}

// emit writes that an operation has begun or ended.
func (v *events) emit(q *v1alpha1.Query, operation, outcome string, data map[string]string) {
	if v == nil {
		return
	}
	all := map[string]string{
		"queryId": string(q.UID), "queryName": q.Name, "queryNamespace": q.Namespace, "sessionId": sessionOf(q),
		"timestamp": time.Now().UTC().Format(time.RFC3339Nano),
	}
	for name, value := range data {
		all[name] = cutText(value)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return // never fails: strings always marshal
	}
	kind := corev1.EventTypeNormal
	if outcome == "Error" {
		kind = corev1.EventTypeWarning
	}
	message := all["message"]
	if message == "" {
		message = operation + " " + outcome
	}
	v.recorder.AnnotatedEventf(&corev1.ObjectReference{
		APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "Query", Namespace: q.Namespace, Name: q.Name, UID: q.UID, ResourceVersion: q.ResourceVersion,
	}, map[string]string{annotationEventData: string(text)}, kind, operation+outcome, "%s", message)
}

// operation records the beginning of an operation of the Query itself, and returns the function
// that records its end.
func (v *events) operation(q *v1alpha1.Query, name string, target *v1alpha1.QueryTarget) func(error) {
	data := map[string]string{}
	if target != nil {
		data["targetType"], data[string(target.Type)] = string(target.Type), target.Name
	}
	started := time.Now()
	v.emit(q, name, "Start", data)
	return func(err error) {
		data["durationMs"] = strconv.FormatInt(time.Since(started).Milliseconds(), 10)
		outcome := "Complete"
		if err != nil {
			outcome, data["message"] = "Error", err.Error()
		}
		v.emit(q, name, outcome, data)
	}
}

// sessionOf returns the session of a Query, which is the Query's own UID unless it names another.
func sessionOf(q *v1alpha1.Query) string {
	if q.Spec.SessionID != nil && *q.Spec.SessionID != "" {
		return *q.Spec.SessionID
	}
	return string(q.UID)
}
