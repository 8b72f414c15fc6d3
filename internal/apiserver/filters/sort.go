package filters

import (
	"net/http"
	"strings"

	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/registry"
)

// withSort hands the parameter sortBy of lists of Ark objects to their storage, and asOf of lists
// and gets. The stock handlers do not support them.
func withSort(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info, ok := request.RequestInfoFrom(r.Context())
		if ok && info.IsResourceRequest && info.APIGroup == ark.GroupName && (info.Verb == "list" || info.Verb == "watch") {
			if by := r.URL.Query().Get("sortBy"); by != "" {
				r = r.WithContext(registry.WithSort(r.Context(), by))
			}
		}
		if ok && strings.Contains(r.URL.RawQuery, "asOf=") && info.IsResourceRequest && info.APIGroup == ark.GroupName && info.Subresource == "" && r.Method == http.MethodGet {
			r = r.WithContext(registry.WithAsOf(r.Context(), r.URL.Query().Get("asOf")))
		}
		next.ServeHTTP(w, r)
	})
}
