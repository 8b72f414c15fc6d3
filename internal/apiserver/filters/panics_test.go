package filters

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/endpoints/handlers/finisher"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apiserver/findings"
)

// captureLog returns what is logged until it is called.
func captureLog(t *testing.T) func() string {
	t.Helper()
	var log bytes.Buffer
	state := klog.CaptureState()
	klog.LogToStderr(false)
	klog.SetOutput(&log)
	return func() string {
		klog.Flush()
		state.Restore()
		return log.String()
	}
}

// TestPanicIsAStatus: a handler that panics, in its own goroutine or in another, is answered
// with 500 and a Status, and costs little of the log however often it is done.
func TestPanicIsAStatus(t *testing.T) {
	scheme, err := install.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	found := findings.New()
	handler := withSender(withFailureLog(withPanics(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/finisher":
			_, _ = finisher.FinishRequest(r.Context(), func() (runtime.Object, error) { panic(strings.Repeat("boom ", 1000)) })
		case "/nil":
			var none *answerStatus
			none.status = 0
		default:
			panic(errors.New("boom"))
		}
	}), serializer.NewCodecFactory(scheme), found), deadlines{}, func(string, ...any) {}))
	logged := captureLog(t)
	for _, path := range []string{"/", "/nil", "/finisher"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		var status metav1.Status
		if err := json.Unmarshal(w.Body.Bytes(), &status); err != nil || w.Code != 500 || status.Kind != "Status" || status.Code != 500 || status.Reason != metav1.StatusReasonInternalError {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	const more = 10_000
	for range more {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	text := logged()
	if !strings.Contains(text, "TestPanicIsAStatus") || !strings.Contains(text, "boom") {
		t.Errorf("the log does not say where the panic was: %.2000s", text)
	}
	if len(text) > 20<<10 {
		t.Errorf("%d panics logged %d bytes", more, len(text))
	}
	if n := found.Panics(); n != more+3 {
		t.Errorf("%d panics were counted of %d", n, more+3)
	}
}

// TestPanicAfterTheAnswerBegan breaks the stream off: the client must see that it is not whole.
func TestPanicAfterTheAnswerBegan(t *testing.T) {
	scheme, err := install.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	handler := withSender(withFailureLog(withPanics(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"items":[`))
		panic("boom")
	}), serializer.NewCodecFactory(scheme), nil), deadlines{}, func(string, ...any) {}))
	defer captureLog(t)()
	defer func() {
		if fault := recover(); fault != http.ErrAbortHandler {
			t.Errorf("the handler ended with %v", fault)
		}
	}()
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}
