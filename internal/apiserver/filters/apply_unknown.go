package filters

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/endpoints/request"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/objectjson"
	"github.com/mckinsey/ark-server/internal/registry"
)

// withApplied prepares server-side applies for the registry, which keeps the unknown
// fields of what is stored. From a status that is applied it takes the unknown fields off, which
// the stock field manager refuses, for the registry to put them back.
func withApplied(next http.Handler, kinds []install.Kind, limit int64) http.Handler {
	newObject := map[string]func() runtime.Object{}
	for _, kind := range kinds {
		newObject[kind.GroupVersion.Version+"/"+kind.Plural] = kind.New
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isPatch(r, types.ApplyYAMLPatchType) {
			next.ServeHTTP(w, r)
			return
		}
		info, ok := request.RequestInfoFrom(r.Context())
		if !ok || info.APIGroup != ark.GroupName {
			next.ServeHTTP(w, r)
			return
		}
		var object runtime.Object
		if create := newObject[info.APIVersion+"/"+info.Resource]; info.Subresource == "status" && create != nil {
			object = takeUnknown(r, create(), limit)
		}
		next.ServeHTTP(w, r.WithContext(registry.WithApplied(r.Context(), object)))
	})
}

// takeUnknown takes the unknown fields of the status off a request's body, and returns the
// object with them. It returns nil, and leaves the body as it is, where there are none and
// where there is a fault to find in it, which the handlers do.
func takeUnknown(r *http.Request, object runtime.Object, limit int64) runtime.Object {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	replaceBody(r, body, err)
	if err != nil || int64(len(body)) > limit {
		return nil
	}
	keeper := object.(objectjson.Object)
	text := body
	if keeper.UnmarshalJSON(text) != nil {
		if text, err = yaml.YAMLToJSON(body); err != nil || keeper.UnmarshalJSON(text) != nil {
			return nil
		}
	}
	var kept []objectjson.UnknownField
	for _, f := range keeper.UnknownFields().List() {
		if f.Path[0].Name() == "status" {
			kept = append(kept, f)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	known, err := without(text, kept)
	if err != nil {
		return nil
	}
	unknown := keeper.UnknownFields()
	tooDeep := unknown.TooDeep
	if *unknown, err = objectjson.NewUnknownFields(kept); err != nil {
		return nil
	}
	unknown.TooDeep = tooDeep
	replaceBody(r, known, nil)
	return object
}

// replaceBody has the request's next reader read text, then what is left of the body, or
// the error that reading it has met.
func replaceBody(r *http.Request, text []byte, err error) {
	var after io.Reader = r.Body
	if err != nil {
		after = failingReader{err}
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), after), r.Body}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// without removes fields from a JSON text.
func without(text []byte, fields []objectjson.UnknownField) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	for _, f := range fields {
		remove(value, f.Path)
	}
	return json.Marshal(value)
}

// remove deletes a member of a decoded JSON value.
func remove(value any, path objectjson.Path) {
	for i, step := range path {
		if place, ok := step.Index(); ok {
			list, _ := value.([]any)
			if place >= len(list) {
				return
			}
			value = list[place]
			continue
		}
		object, _ := value.(map[string]any)
		if i == len(path)-1 {
			delete(object, step.Name())
			return
		}
		value = object[step.Name()]
	}
}
