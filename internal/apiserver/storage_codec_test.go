package apiserver

import (
	encodingjson "encoding/json"
	"strings"
	"testing"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/storage/storagebackend"

	"github.com/mckinsey/ark-server/internal/registry"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// TestStorageCodecDecodesLikeTheStockOne: for every kind, with and without an
// object to decode into, and with defaults to fill in.
func TestStorageCodecDecodesLikeTheStockOne(t *testing.T) {
	scheme, err := NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	codecs := serializer.NewCodecFactory(scheme)
	json, err := newObjectCodecs(registry.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	layout := newArkLayout(storagebackend.Config{}, codecs, json, scheme, registry.Kinds())
	samples := map[string]registrytest.Sample{}
	for _, s := range registrytest.Samples() {
		samples[s.Kind] = s
	}
	for _, kind := range registry.Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			config, err := layout.NewConfig(kind.Resource(), nil)
			if err != nil {
				t.Fatal(err)
			}
			stock := codecs.LegacyCodec(kind.GroupVersion)
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
					got, gvk, err := config.Codec.Decode([]byte(text), nil, into)
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
				if _, _, err := config.Codec.Decode([]byte(text), nil, nil); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want %q", text, err, want)
				}
			}
		})
	}
}
