package filters

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server/filters"
)

// TestLateAnswersAre504: what comes after a request's time is over is a Status of code 504,
// whatever it was, unless something was sent before; watches have no such time.
func TestLateAnswersAre504(t *testing.T) {
	limits := deadlines{
		longest:     time.Minute,
		resolver:    &request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")},
		longRunning: filters.BasicLongRunningRequestCheck(sets.NewString("watch"), sets.NewString()),
	}
	const queries = "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/queries"
	for name, c := range map[string]struct {
		path   string
		answer func(w http.ResponseWriter)
		want   int
	}{
		"a failure":               {queries + "?timeout=1ns", func(w http.ResponseWriter) { w.WriteHeader(500) }, 504},
		"no user":                 {queries + "?timeout=1ns", func(w http.ResponseWriter) { w.WriteHeader(401) }, 504},
		"an object":               {queries + "?timeout=1ns", func(w http.ResponseWriter) { fmt.Fprint(w, "{}") }, 504},
		"broken off":              {queries + "?timeout=1ns", func(w http.ResponseWriter) { w.WriteHeader(504); panic(http.ErrAbortHandler) }, 504},
		"nearly over, broken off": {queries + "?timeout=200ms", func(w http.ResponseWriter) { fmt.Fprint(w, "{}"); panic(http.ErrAbortHandler) }, 504},
		"nearly over":             {queries + "?timeout=200ms", func(w http.ResponseWriter) { fmt.Fprint(w, "{}") }, 200},
		"in time":                 {queries + "?timeout=50s", func(w http.ResponseWriter) { fmt.Fprint(w, "{}") }, 200},
		"no time given":           {queries, func(w http.ResponseWriter) { w.WriteHeader(500) }, 500},
		"no time at all":          {queries + "?timeout=0s", func(w http.ResponseWriter) { fmt.Fprint(w, "{}") }, 200},
		"longer than all":         {queries + "?timeout=1h", func(w http.ResponseWriter) { fmt.Fprint(w, "{}") }, 200},
		"a watch":                 {queries + "?watch=true&timeout=1ns", func(w http.ResponseWriter) { fmt.Fprint(w, "{}") }, 200},
	} {
		t.Run(name, func(t *testing.T) {
			handler := withSender(withFailureLog(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { c.answer(w) }), limits, func(string, ...any) {}))
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest("GET", c.path, nil))
			if w.Code != c.want {
				t.Fatalf("%d, want %d: %s", w.Code, c.want, w.Body)
			}
			if c.want != 504 {
				return
			}
			var status metav1.Status
			if err := json.Unmarshal(w.Body.Bytes(), &status); err != nil || status.Code != 504 || status.Reason != metav1.StatusReasonTimeout || w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("%s %v", w.Body, w.Header())
			}
		})
	}
}

// TestOtherPanicsOfLateAnswersGoOn: only the end of an answer that was dropped is no fault.
func TestOtherPanicsOfLateAnswersGoOn(t *testing.T) {
	fault := errors.New("boom")
	defer func() {
		if got := recover(); got != fault {
			t.Errorf("recovered %v", got)
		}
	}()
	a := &answerStatus{ResponseWriter: httptest.NewRecorder(), left: func() time.Duration { return 0 }}
	a.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(500)
		panic(fault)
	}), httptest.NewRequest("GET", "/", nil))
}
