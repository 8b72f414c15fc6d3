package filters

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// The stock chain has two parts that notice that a request's time is over: the timeout
// filter, which answers 504, and whatever waits for the storage, for a webhook or for the
// cluster, whose error becomes 500 or 401. Where both answer at once the stream is broken
// off. Here whatever is sent after that time is 504.

// deadlines are the times that requests may take.
type deadlines struct {
	// longest bounds requests that ask for no shorter time.
	longest     time.Duration
	resolver    request.RequestInfoResolver
	longRunning request.LongRunningRequestCheck
}

// left returns what remains of the time of a request that began then: a long time for watches and
// the like, and until the end comes near.
func (d deadlines) left(r *http.Request, begin time.Time) time.Duration {
	limit := d.longest
	if strings.Contains(r.URL.RawQuery, "timeout=") {
		if asked, err := time.ParseDuration(r.URL.Query().Get("timeout")); err == nil && 0 < asked && asked < limit {
			limit = asked
		}
	}
	left := limit - time.Since(begin)
	if limit <= 0 || left >= nearlyOver {
		return nearlyOver
	}
	if info, err := d.resolver.NewRequestInfo(r); err != nil || d.longRunning(r, info) {
		return nearlyOver
	}
	return left
}

// sendTimeout answers a request in place of what came too late.
func sendTimeout(w http.ResponseWriter, r *http.Request) {
	answer := apierrors.NewTimeoutError("request did not complete within the allotted timeout", 0).Status()
	answer.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	text, err := json.Marshal(answer)
	if err != nil {
		text = nil // a Status always has an encoding
	}
	header := w.Header()
	for _, name := range []string{"Content-Encoding", "Content-Length", "Transfer-Encoding", "Etag"} {
		header.Del(name)
	}
	header.Set("Content-Type", runtime.ContentTypeJSON)
	w.WriteHeader(http.StatusGatewayTimeout)
	if r.Method != http.MethodHead {
		_, _ = w.Write(text) // a client that has gone does not matter
	}
}
