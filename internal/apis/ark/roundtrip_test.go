package ark_test

import (
	"encoding/json"
	"math/rand"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/apitesting/roundtrip"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/randfill"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// fuzzerFuncs fill the types whose Go form admits values that JSON cannot
// carry, such as invalid JSON text, and the kinds with their defaults, which decoding
// would otherwise fill in.
func fuzzerFuncs(scheme *runtime.Scheme) func(serializer.CodecFactory) []any {
	funcs := []any{
		func(j *v1alpha1.JSON, c randfill.Continue) { fillJSON(j, randomJSON(c, 3)) },
		func(j *v1alpha1.JSONObject, c randfill.Continue) {
			fillJSON(j, map[string]any{c.String(8): randomJSON(c, 2)})
		},
	}
	for _, kind := range install.Kinds() {
		funcs = append(funcs, defaulted(scheme, kind))
	}
	return func(serializer.CodecFactory) []any { return funcs }
}

// defaulted returns a func(*T, randfill.Continue) for the type T of a kind's objects.
func defaulted(scheme *runtime.Scheme, kind install.Kind) any {
	arguments := []reflect.Type{reflect.TypeOf(kind.New()), reflect.TypeFor[randfill.Continue]()}
	fill := func(values []reflect.Value) []reflect.Value {
		object, c := values[0].Interface().(runtime.Object), values[1].Interface().(randfill.Continue)
		c.FillNoCustom(object)
		scheme.Default(object)
		return nil
	}
	return reflect.MakeFunc(reflect.FuncOf(arguments, nil, false), fill).Interface()
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
	funcs := fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, fuzzerFuncs(scheme))
	filler := fuzzer.FuzzerFor(funcs, rand.NewSource(1), codecs)
	roundtrip.RoundTripTypesWithoutProtobuf(t, scheme, codecs, filler, nil)
}
