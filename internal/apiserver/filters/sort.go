package filters

import (
	"net/http"

	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/registry"
)

// withSort hands the parameter sortBy of lists of Ark objects to their storage.
// The stock handlers know nothing of it.
func withSort(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info, ok := request.RequestInfoFrom(r.Context())
		if ok && info.IsResourceRequest && info.APIGroup == ark.GroupName && (info.Verb == "list" || info.Verb == "watch") {
			if by := r.URL.Query().Get("sortBy"); by != "" {
				r = r.WithContext(registry.WithSort(r.Context(), by))
			}
		}
		next.ServeHTTP(w, r)
	})
}
