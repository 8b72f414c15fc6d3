package filters

import (
	"mime"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/endpoints/handlers/negotiation"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/records"
)

// withMediaTypes keeps requests for Ark objects and records of them to the media types that
// these have: those of custom resources.
//
// The Ark types have no protobuf encoding, but the group's serializer offers
// protobuf, and has to: PartialObjectMetadata, which garbage collectors and the
// like ask for, has it for every kind. A client that would rather have protobuf
// (Accept: application/vnd.kubernetes.protobuf, application/json) must get JSON,
// not 406, so the offer is withdrawn from requests for the objects themselves.
//
// Strategic merge patches are refused (415). They cannot be right for fields
// with free content, and their directives misfire on lists without a merge key.
//
// It goes inside the handler chain, where the request info is known.
func withMediaTypes(next http.Handler, serializer runtime.NegotiatedSerializer) http.Handler {
	supported := []string{runtime.ContentTypeJSON, runtime.ContentTypeYAML}
	patches := []string{string(types.JSONPatchType), string(types.MergePatchType), string(types.ApplyYAMLPatchType)}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		info, ok := request.RequestInfoFrom(r.Context())
		if !ok || !info.IsResourceRequest || info.APIGroup != ark.GroupName && info.APIGroup != records.GroupName {
			next.ServeHTTP(w, r)
			return
		}
		version := info.APIVersion
		refuse := func(err error) {
			responsewriters.ErrorNegotiated(err, serializer, arkVersion(version), w, r)
		}
		if (r.Method == http.MethodPost || r.Method == http.MethodPut) && isProtobuf(r.Header.Get("Content-Type")) {
			refuse(negotiation.NewUnsupportedMediaTypeError(supported))
			return
		}
		if r.Method == http.MethodPatch && IsStrategic(r.Header.Get("Content-Type")) {
			refuse(negotiation.NewUnsupportedMediaTypeError(patches))
			return
		}
		accept, changed := withoutProtobuf(r.Header.Get("Accept"))
		if changed && accept == "" {
			r.Header.Del("Accept")
			refuse(negotiation.NewNotAcceptableError(supported))
			return
		}
		if changed {
			r.Header.Set("Accept", accept)
		}
		next.ServeHTTP(w, r)
	})
}

// withoutProtobuf removes the clauses of an Accept header that ask for objects
// as protobuf, and leaves those that ask for a conversion of them (as=...).
func withoutProtobuf(accept string) (kept string, changed bool) {
	if !strings.Contains(accept, "protobuf") {
		return accept, false
	}
	var clauses []string
	for clause := range strings.SplitSeq(accept, ",") {
		if isProtobuf(clause) {
			changed = true
			continue
		}
		clauses = append(clauses, clause)
	}
	return strings.Join(clauses, ","), changed
}

// isProtobuf reports whether a media type denotes an object encoded as protobuf.
func isProtobuf(mediaType string) bool {
	name, parameters, err := mime.ParseMediaType(mediaType)
	return err == nil && name == runtime.ContentTypeProtobuf && parameters["as"] == ""
}

// IsStrategic reports whether a media type is that of a strategic merge patch, which Ark objects do
// not take.
func IsStrategic(mediaType string) bool {
	name, _, err := mime.ParseMediaType(mediaType)
	return err == nil && name == string(types.StrategicMergePatchType)
}
