package ark_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/mckinsey/ark-server/internal/apis/ark/validation"
)

const exampleDirectory = "../../../docs/examples"

// Every example is accepted by a server that refuses unknown fields, and every
// kind has one in the folder that one kubectl apply creates.
func TestExamples(t *testing.T) {
	scheme := newScheme(t)
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	shown := map[string]bool{}
	err := filepath.WalkDir(exampleDirectory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		for _, object := range readExamples(t, codecs, path) {
			kind := object.GetObjectKind().GroupVersionKind().Kind
			if filepath.Dir(path) == exampleDirectory {
				shown[kind] = true
			}
			for _, problem := range append(scheme.Validate(t.Context(), nil, object), validation.Validate(object)...) {
				t.Errorf("%s: %s: %v", path, kind, problem)
			}
			checkName(t, path, object)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, gvk := range kinds(scheme) {
		if !shown[gvk.Kind] {
			t.Errorf("no example of kind %s in %s", gvk.Kind, exampleDirectory)
		}
	}
}

func readExamples(t *testing.T, codecs serializer.CodecFactory, path string) (objects []runtime.Object) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range strings.Split(string(text), "\n---\n") {
		if strings.Contains(document, "\nkind: Secret\n") {
			continue // not of this group
		}
		object, gvk, err := codecs.UniversalDecoder().Decode([]byte(document), nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		object.GetObjectKind().SetGroupVersionKind(*gvk)
		objects = append(objects, object)
	}
	return objects
}

// Examples name no namespace, so that kubectl apply -n puts them into any.
func checkName(t *testing.T, path string, object runtime.Object) {
	t.Helper()
	accessor, err := meta.Accessor(object)
	if err != nil {
		t.Fatal(err)
	}
	if accessor.GetName() == "" || accessor.GetNamespace() != "" {
		t.Errorf("%s: name %q in namespace %q, want a name and no namespace", path, accessor.GetName(), accessor.GetNamespace())
	}
}
