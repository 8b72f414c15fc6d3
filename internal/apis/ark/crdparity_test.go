package ark_test

import (
	"encoding/json"
	"math/rand"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/mckinsey/ark-server/internal/apis/ark/validation"
)

const instancesPerKind = 400

// TestDefaultsAndContentAsInCRDs sends random objects through our types and
// through the code that serves custom resources: both must hand back the same
// JSON. So nothing is lost, and every default is there.
func TestDefaultsAndContentAsInCRDs(t *testing.T) {
	scheme := newScheme(t)
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	for kind, crd := range loadCRDs(t) {
		t.Run(kind, func(t *testing.T) {
			generator := instances{random: rand.New(rand.NewSource(1))}
			for range instancesPerKind {
				want := generator.object(crd)
				sent := encode(t, want)
				crd.setDefaults(want)
				object := decode(t, codecs, sent)
				stored, err := runtime.Encode(codecs.LegacyCodec(crd.gvk.GroupVersion()), object)
				if err != nil {
					t.Fatalf("encode: %v\nobject %s", err, sent)
				}
				got, want := comparableJSON(t, stored), comparableJSON(t, encode(t, want))
				if difference := cmp.Diff(want, got); difference != "" {
					t.Fatalf("the CRD's answer (-) differs from ours (+):\n%s\nsent %s", difference, sent)
				}
			}
		})
	}
}

// TestValidationAsInCRDs compares which fields of random objects are refused.
// Durations, for which a CRD allows any text, are always valid here; see
// TestEveryDuration.
func TestValidationAsInCRDs(t *testing.T) {
	scheme := newScheme(t)
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	for kind, crd := range loadCRDs(t) {
		t.Run(kind, func(t *testing.T) {
			generator := instances{random: rand.New(rand.NewSource(2)), mistakes: 0.05}
			valid := 0
			for range instancesPerKind {
				want := generator.object(crd)
				sent := encode(t, want)
				crd.setDefaults(want)
				object := decode(t, codecs, sent)

				wantErrs := crd.validate(t.Context(), want)
				gotErrs := append(scheme.Validate(t.Context(), nil, object), validation.Validate(object)...)
				if len(wantErrs) == 0 {
					valid++
				}
				if got, want := fields(gotErrs), fields(wantErrs); !slices.Equal(got, want) {
					t.Fatalf("refused fields:\n got %q\nwant %q\n\ngot errors  %.2000v\nwant errors %.2000v\nsent %.2000s", got, want, gotErrs, wantErrs, sent)
				}
				for i, problem := range gotErrs {
					for _, other := range gotErrs[:i] {
						if problem.Field == other.Field && problem.Type == other.Type {
							t.Errorf("%s is reported twice:\n%v\n%v", problem.Field, problem, other)
						}
					}
				}
			}
			t.Logf("%d of %d objects are valid", valid, instancesPerKind)
			if valid == 0 || kind != "ArkConfig" && valid == instancesPerKind {
				t.Errorf("%d of %d objects are valid: the generator tests only one side", valid, instancesPerKind)
			}
		})
	}
}

func TestDefaultingTwiceChangesNothing(t *testing.T) {
	scheme := newScheme(t)
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	for kind, crd := range loadCRDs(t) {
		generator := instances{random: rand.New(rand.NewSource(3))}
		for range 50 {
			once := decode(t, codecs, encode(t, generator.object(crd)))
			twice := once.DeepCopyObject()
			scheme.Default(twice)
			if !reflect.DeepEqual(once, twice) {
				t.Fatalf("%s: defaulting is not idempotent:\n%s", kind, cmp.Diff(once, twice))
			}
		}
	}
}

// decode reads an object as the server does: strictly, with defaults.
func decode(t *testing.T, codecs serializer.CodecFactory, text []byte) runtime.Object {
	t.Helper()
	object, _, err := codecs.UniversalDecoder().Decode(text, nil, nil)
	if err != nil {
		t.Fatalf("decode: %v\nobject %.2000s", err, text)
	}
	return object
}

// comparableJSON parses an object, without the metadata, which all kinds have in
// common.
func comparableJSON(t *testing.T, text []byte) (object map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	delete(object, "metadata")
	return object
}

// mapKey is a key in a path. The generated validation writes it in brackets, as
// for every built-in type; custom resources have it behind a dot.
var mapKey = regexp.MustCompile(`\[([^]0-9]*)\]`)

// fields returns the sorted paths of errors, each once.
func fields(errs field.ErrorList) []string {
	paths := make([]string, 0, len(errs))
	for _, err := range errs {
		paths = append(paths, mapKey.ReplaceAllString(err.Field, ".$1"))
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
