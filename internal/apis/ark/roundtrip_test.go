package ark_test

import (
	"encoding/json"
	"math/rand"
	"testing"

	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/apitesting/roundtrip"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/randfill"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

// fuzzerFuncs fill the types whose Go form admits values that JSON cannot
// carry, such as invalid JSON text, and the kinds with defaults, which decoding
// would otherwise fill in.
func fuzzerFuncs(serializer.CodecFactory) []any {
	return []any{
		defaulted(v1alpha1.SetObjectDefaults_A2ATask),
		defaulted(v1alpha1.SetObjectDefaults_Agent),
		defaulted(v1alpha1.SetObjectDefaults_MCPServer),
		defaulted(v1alpha1.SetObjectDefaults_Model),
		defaulted(v1alpha1.SetObjectDefaults_Query),
		defaulted(v1alpha1.SetObjectDefaults_Tool),
		defaulted(v1prealpha1.SetObjectDefaults_A2AServer),
		func(j *v1alpha1.JSON, c randfill.Continue) { fillJSON(j, randomJSON(c, 3)) },
		func(j *v1alpha1.JSONObject, c randfill.Continue) {
			fillJSON(j, map[string]any{c.String(8): randomJSON(c, 2)})
		},
	}
}

func defaulted[T any](setDefaults func(*T)) func(*T, randfill.Continue) {
	return func(object *T, c randfill.Continue) {
		c.FillNoCustom(object)
		setDefaults(object)
	}
}

func fillJSON(target json.Unmarshaler, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // the fuzzer has no other way out
	}
	if err := target.UnmarshalJSON(text); err != nil {
		panic(err)
	}
}

func randomJSON(c randfill.Continue, depth int) any {
	options := 5
	if depth > 0 {
		options = 7
	}
	switch c.Intn(options) {
	case 0:
		return nil
	case 1:
		return c.Bool()
	case 2:
		return c.Uint64()
	case 3:
		return c.Float64()
	case 4:
		return c.String(20)
	case 5:
		return []any{randomJSON(c, depth-1), randomJSON(c, depth-1)}
	default:
		return map[string]any{c.String(8): randomJSON(c, depth-1), "<&>": randomJSON(c, depth-1)}
	}
}

// Every kind survives encoding and decoding, in JSON and YAML, through the
// internal version and through unstructured content.
func TestRoundTrip(t *testing.T) {
	scheme := newScheme(t)
	codecs := serializer.NewCodecFactory(scheme)
	funcs := fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, fuzzerFuncs)
	filler := fuzzer.FuzzerFor(funcs, rand.NewSource(1), codecs)
	roundtrip.RoundTripTypesWithoutProtobuf(t, scheme, codecs, filler, nil)
}
