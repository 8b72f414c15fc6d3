package encoding

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apiserver/findings"
	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/objectjson"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// TestStoredUnknownFieldsComeBack: for every kind, fields at every depth of a stored
// object come out of every codec as they went in, and are counted.
func TestStoredUnknownFieldsComeBack(t *testing.T) {
	scheme, err := install.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	codecs := serializer.NewCodecFactory(scheme)
	all, err := NewCodecs(install.Kinds(), hooks.Off{})
	if err != nil {
		t.Fatal(err)
	}
	found := findings.New()
	kinds := map[string]install.Kind{}
	for _, kind := range install.Kinds() {
		kinds[kind.Name] = kind
	}
	for _, sample := range registrytest.Samples() {
		t.Run(sample.Kind, func(t *testing.T) {
			object := sample.Object("ns", "x")
			object["status"] = sample.StatusValue()
			added := addUnknown(object, "")
			text, err := json.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			codec := all.ForStorage(kinds[sample.Kind], codecs, scheme, found)
			decoded, _, err := codec.Decode(text, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(decoded.(objectjson.Object).UnknownFields().List()); n != added {
				t.Errorf("%d unknown fields were kept of %d", n, added)
			}
			decoded.GetObjectKind().SetGroupVersionKind(kinds[sample.Kind].GroupVersionKind())
			for _, info := range all.Negotiated(codecs).SupportedMediaTypes() {
				for name, s := range map[string]runtime.Serializer{"": info.Serializer, " pretty": info.PrettySerializer, " strict": info.StrictSerializer} {
					if s == nil || strings.Contains(info.MediaType, "protobuf") || strings.Contains(info.MediaType, "cbor") {
						continue
					}
					encoded, err := runtime.Encode(s, decoded.DeepCopyObject())
					if err != nil {
						t.Fatal(err)
					}
					back, _, err := s.Decode(encoded, nil, kinds[sample.Kind].New())
					if err != nil {
						t.Fatalf("%s%s: %v", info.MediaType, name, err)
					}
					if got := back.(objectjson.Object).UnknownFields().Raw; got != decoded.(objectjson.Object).UnknownFields().Raw {
						t.Errorf("%s%s: %s, want %s", info.MediaType, name, got, decoded.(objectjson.Object).UnknownFields().Raw)
					}
				}
			}
			free, err := runtime.DefaultUnstructuredConverter.ToUnstructured(decoded)
			if err != nil {
				t.Fatal(err)
			}
			back := kinds[sample.Kind].New()
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(free, back); err != nil {
				t.Fatal(err)
			}
			if got := back.(objectjson.Object).UnknownFields().Raw; got != decoded.(objectjson.Object).UnknownFields().Raw {
				t.Errorf("unstructured: %s", got)
			}
		})
	}
	if n := found.UnknownFields()[findings.UnknownField{Resource: "queries", Path: "status.unknown"}]; n != 1 {
		t.Errorf("status.unknown of queries was counted %d times, want 1", n)
	}
}

// addUnknown adds a field to every object in a value that a Go struct stands for, and
// counts them. Free-form values are strings in the samples or have other names.
func addUnknown(value any, at string) (added int) {
	switch v := value.(type) {
	case map[string]any:
		switch at {
		case ".labels", ".annotations", ".input", ".inputSchema", ".matchLabels", ".arguments", ".content", ".metadata.x", ".data":
			return 0
		}
		for key, inside := range v {
			added += addUnknown(inside, "."+key)
		}
		v["unknown"] = map[string]any{"a": []any{1, "<two>"}}
		return added + 1
	case []any:
		for _, inside := range v {
			added += addUnknown(inside, at)
		}
	}
	return added
}
