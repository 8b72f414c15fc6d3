package assembly

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	restful "github.com/emicklei/go-restful/v3"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/cert"

	"github.com/mckinsey/ark-server/internal/apiserver/layout"
)

// unused is a backend for servers that are asked for nothing.
type unused struct{}

func (unused) Ready(context.Context) error { return nil }
func (unused) Close() error                { return nil }

func (unused) StorageConfig() storagebackend.Config {
	config := *storagebackend.NewDefaultConfig(layout.KeyPrefix, nil)
	config.CountMetricPollPeriod = 0 // nothing to count
	return config
}

func (unused) Decorator() generic.StorageDecorator {
	return func(*storagebackend.ConfigForResource, string, func(runtime.Object) (string, error), func() runtime.Object, func() runtime.Object,
		storage.AttrFunc, storage.IndexerFuncs, *cache.Indexers,
	) (storage.Interface, factory.DestroyFunc, error) {
		return struct{ storage.Interface }{}, func() {}, nil
	}
}

// arkServices are the routes of a whole server.
func arkServices(t *testing.T) []*restful.WebService {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	certificate, key, err := cert.GenerateSelfSignedCertKey("localhost", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	options := NewOptions()
	options.Listener = listener
	options.CertFile, options.KeyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for path, content := range map[string][]byte{options.CertFile: certificate, options.KeyFile: key} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config, err := NewConfig(options, unused{})
	if err != nil {
		t.Fatal(err)
	}
	config.Generic.Authorization.Authorizer = authorizerfactory.NewAlwaysAllowAuthorizer()
	server, err := config.Complete().New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Generic.Destroy)
	return server.Generic.Handler.GoRestfulContainer.RegisteredWebServices()
}

// Whatever is asked, and however often, the answer is the stock router's.
func TestRememberedRoutesAreTheStockRouters(t *testing.T) {
	services := arkServices(t)
	ours := newRememberedRoutes()
	var paths []string
	const group = "/apis/ark.mckinsey.com"
	for _, version := range []string{"/v1alpha1", "/v1prealpha1", "/v9"} {
		for _, place := range []string{"", "/namespaces/a", "/namespaces/queries", "/watch/namespaces/a", "/namespaces/namespaces", "/namespace/a"} {
			for _, resource := range []string{"/queries", "/a2aservers", "/arkconfigs", "/none", "/status"} {
				for _, rest := range []string{"", "/one", "/status", "/queries/", "/one/status", "/status/status", "/one/none", "/one/status/more", "/one/", "//status"} {
					paths = append(paths, group+version+place+resource+rest)
				}
			}
		}
	}
	paths = append(paths, "/", group, group+"/v1alpha1", "/apis/other/v1alpha1/namespaces/a/queries/one", "/api/v1/namespaces/a/queries/one")
	served := 0
	for _, path := range paths {
		for _, method := range []string{"GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"} {
			for _, media := range [][2]string{{}, {"application/json", "application/json"}, {"application/merge-patch+json", "*/*"}, {"text/plain", ""}, {"application/json", "image/png"}} {
				request := httptest.NewRequest(method, "/", nil)
				request.URL.Path = path
				for i, name := range []string{"Content-Type", "Accept"} {
					if media[i] != "" {
						request.Header.Set(name, media[i])
					}
				}
				wantService, want, wantErr := restful.CurlyRouter{}.SelectRoute(services, request)
				for range 2 { // found, and remembered
					service, got, err := ours.SelectRoute(services, request)
					if service != wantService || !sameRoute(got, want) || !sameError(err, wantErr) {
						t.Fatalf("%s %s %q: got %v %v, want %v %v", method, path, media, got, err, want, wantErr)
					}
				}
				if want != nil {
					served++
				}
			}
		}
	}
	if served < 500 || len(ours.known) == 0 {
		t.Errorf("only %d of the requests have a route, and %d are remembered", served, len(ours.known))
	}
}

func sameRoute(a, b *restful.Route) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Method == b.Method && a.Path == b.Path && a.Operation == b.Operation
}

func sameError(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Error() == b.Error()
}

// A client that makes up media types does not fill the memory.
func TestRememberedRoutesAreBounded(t *testing.T) {
	services := arkServices(t)
	ours := newRememberedRoutes()
	for i := range 2 * maxRoutes {
		request := httptest.NewRequest("GET", groupPrefix+"v1alpha1/namespaces/a/queries/one", nil)
		request.Header.Set("Accept", fmt.Sprintf("application/json;v=%d", i))
		if _, _, err := ours.SelectRoute(services, request); err != nil {
			t.Fatal(err)
		}
	}
	if len(ours.known) != maxRoutes {
		t.Errorf("%d routes are remembered, want %d", len(ours.known), maxRoutes)
	}
}
