package encoding

import (
	encodingjson "encoding/json"
	"strings"
	"testing"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// TestStorageCodecDecodesLikeTheStockOne: for every kind, with and without an
// object to decode into, and with defaults to fill in.
func TestStorageCodecDecodesLikeTheStockOne(t *testing.T) {
	scheme, err := install.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	factory := serializer.NewCodecFactory(scheme)
	codecs, err := NewCodecs(install.Kinds(), hooks.Off{})
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string]registrytest.Sample{}
	for _, s := range registrytest.Samples() {
		samples[s.Kind] = s
	}
	for _, kind := range install.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			codec := codecs.ForStorage(kind, factory, scheme, nil)
			stock := factory.LegacyCodec(kind.GroupVersion)
			full := samples[kind.Name].Object("ns", "x")
			full["status"] = samples[kind.Name].StatusValue()
			stored, err := encodingjson.Marshal(full)
			if err != nil {
				t.Fatal(err)
			}
			bare := `{"kind":"` + kind.Name + `","apiVersion":"` + kind.GroupVersion.String() + `","metadata":{"name":"x"},"spec":{},"status":{}}`
			for _, text := range []string{string(stored), bare} {
				want, err := runtime.Decode(stock, []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				for name, into := range map[string]runtime.Object{"new": nil, "given": kind.New()} {
					got, gvk, err := codec.Decode([]byte(text), nil, into)
					if err != nil {
						t.Fatal(err)
					}
					if *gvk != kind.GroupVersionKind() || !apiequality.Semantic.DeepEqual(got, want) {
						t.Errorf("%s: %s decoded to %#v, want %#v", name, gvk, got, want)
					}
					if into != nil && got != into {
						t.Errorf("%s: decoded into another object", name)
					}
				}
			}
			for text, want := range map[string]string{
				`{"kind":"Other","apiVersion":"v1"}`: "found /v1, Kind=Other",
				`{"kind":`:                           "unexpected end of JSON",
			} {
				if _, _, err := codec.Decode([]byte(text), nil, nil); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want %q", text, err, want)
				}
			}
		})
	}
}
