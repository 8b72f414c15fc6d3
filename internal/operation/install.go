package operation

import (
	"encoding/json"
	"fmt"
	"net/http"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/routes"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

// Options are what there is to serve.
type Options struct {
	// Metrics makes the handler of all metrics from the source of the Kubernetes
	// libraries' ones.
	Metrics func(metrics.Gatherer) http.Handler
	// Report describes the storage; nil where the server has none of its own.
	Report func() Report
	// NoReport is what is answered then.
	NoReport string
	// Verbosity tells the detail of the log, and SetVerbosity changes it.
	Verbosity    func() int
	SetVerbosity func(string) error
}

// Install puts the handlers into a server that is not running yet, in the place of
// the stock ones.
func Install(server *genericapiserver.GenericAPIServer, o Options) {
	mux := server.Handler.NonGoRestfulMux

	// DELETE resets the libraries' metrics, as in kube-apiserver.
	stock, all := legacyregistry.HandlerWithReset(), o.Metrics(legacyregistry.DefaultGatherer)
	mux.Unregister("/metrics")
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			stock.ServeHTTP(w, r)
			return
		}
		all.ServeHTTP(w, r)
	})

	mux.UnlistedHandleFunc("/debug/store", func(w http.ResponseWriter, r *http.Request) {
		if o.Report == nil {
			http.Error(w, o.NoReport, http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(o.Report()) // a client that has gone does not matter
	})

	put := routes.StringFlagPutHandler(func(value string) (string, error) {
		if err := o.SetVerbosity(value); err != nil {
			return "", err
		}
		return fmt.Sprintf("the log's detail is now %s\n", value), nil
	})
	const path = "/debug/flags/v"
	mux.Unregister(path)
	mux.UnlistedHandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprintln(w, o.Verbosity())
			return
		}
		put(w, r)
	})
}
