package filters

import (
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/connections"
	"github.com/mckinsey/ark-server/internal/heap"
)

// memoryWait is how many seconds a client is asked to wait: objects that are deleted are free after
// the next collection.
const memoryWait = 10

// withMemory turns away what a server that is near its limit of memory has no room for: watches and
// lists without a limit, and new objects once it is full. What frees memory goes on.
func withMemory(next http.Handler, serializer runtime.NegotiatedSerializer, pressure func(*http.Request) heap.Pressure, shed func(verb string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := pressure(r)
		if now == heap.Low {
			next.ServeHTTP(w, r)
			return
		}
		info, known := request.RequestInfoFrom(r.Context())
		if !known || !info.IsResourceRequest || !sheds(now, info.Verb, r.URL.Query().Get("limit") != "") {
			next.ServeHTTP(w, r)
			return
		}
		shed(info.Verb)
		err := apierrors.NewTooManyRequests(fmt.Sprintf(
			"the server has hardly any memory left, so it takes no %s now: try again later, delete objects or give it more memory (docs/operations/sizing.md)", refused(info.Verb)), memoryWait)
		responsewriters.ErrorNegotiated(err, serializer, schema.GroupVersion{Group: info.APIGroup, Version: info.APIVersion}, w, r)
	})
}

// pressureOn is the pressure that a request meets: none if the server asks itself, which takes no
// connection, for it would do without its own caches.
func pressureOn(r *http.Request) heap.Pressure {
	now := heap.CurrentPressure()
	if now != heap.Low && connections.Of(r.Context()) == nil {
		return heap.Low
	}
	return now
}

func sheds(now heap.Pressure, verb string, limited bool) bool {
	switch verb {
	case "watch":
		return true
	case "list":
		return !limited
	case "create":
		return now == heap.Full
	}
	return false
}

func refused(verb string) string {
	switch verb {
	case "list":
		return "lists without a limit"
	case "create":
		return "new objects"
	}
	return "new watches"
}
