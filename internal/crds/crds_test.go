package crds

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
)

// printed returns the documents that YAML prints.
func printed(t *testing.T) [][]byte {
	t.Helper()
	text, err := YAML()
	if err != nil {
		t.Fatal(err)
	}
	var documents [][]byte
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents
		}
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, document)
	}
}

// Every definition is one that kube-apiserver accepts: it is decoded strictly,
// defaulted and validated by kube-apiserver's own code.
func TestKubeAPIServerAcceptsDefinitions(t *testing.T) {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDecoder(apiextensions.SchemeGroupVersion)
	documents := printed(t)
	kinds, err := facts.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	if len(documents) != len(kinds) {
		t.Errorf("%d definitions, want %d", len(documents), len(kinds))
	}
	for _, document := range documents {
		obj, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			t.Fatalf("decode: %v\n%.300s", err, document)
		}
		definition := obj.(*apiextensions.CustomResourceDefinition)
		if errs := validation.ValidateCustomResourceDefinition(t.Context(), definition); len(errs) > 0 {
			t.Errorf("%s is refused: %v", definition.Name, errs.ToAggregate())
		}
		// kubectl apply without --server-side keeps a copy in an annotation.
		if text, err := yaml.YAMLToJSON(document); err != nil || len(text) > 256<<10 {
			t.Errorf("%s has %d bytes, more than an annotation holds (%v)", definition.Name, len(text), err)
		}
	}
}

// The definitions say what Ark's own say, in names, columns and schema.
func TestDefinitionsHoldTheFacts(t *testing.T) {
	byKind := map[string]apiextensionsv1.CustomResourceDefinition{}
	schemas := map[string]map[string]any{}
	for _, document := range printed(t) {
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(document, &definition); err != nil {
			t.Fatal(err)
		}
		byKind[definition.Spec.Names.Kind] = definition
		var plain struct {
			Spec struct {
				Versions []struct {
					Schema struct{ OpenAPIV3Schema map[string]any }
				}
			}
		}
		if err := yaml.Unmarshal(document, &plain); err != nil {
			t.Fatal(err)
		}
		schemas[definition.Spec.Names.Kind] = plain.Spec.Versions[0].Schema.OpenAPIV3Schema
	}
	kinds, err := facts.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	if len(kinds) != len(byKind) {
		t.Errorf("%d definitions, and facts of %d kinds", len(byKind), len(kinds))
	}
	for _, kind := range kinds {
		definition, found := byKind[kind.Kind]
		if !found {
			t.Errorf("no definition of %s", kind.Kind)
			continue
		}
		names, version := definition.Spec.Names, definition.Spec.Versions[0]
		if definition.Name != kind.Plural+".ark.mckinsey.com" || names.Plural != kind.Plural || names.Singular != kind.Singular ||
			version.Name != kind.Version || (definition.Spec.Scope == apiextensionsv1.ClusterScoped) != kind.ClusterScoped {
			t.Errorf("%s is called %+v in version %s, scope %s", kind.Kind, names, version.Name, definition.Spec.Scope)
		}
		if !version.Served || !version.Storage || version.Subresources == nil || version.Subresources.Status == nil {
			t.Errorf("%s has no status, or is not served", kind.Kind)
		}
		var columns []facts.Column
		for _, c := range version.AdditionalPrinterColumns {
			columns = append(columns, facts.Column{Name: c.Name, Type: c.Type, Path: c.JSONPath, Priority: c.Priority})
		}
		want := slices.Clone(kind.Columns)
		if len(want) == 0 {
			want = []facts.Column{{Name: "Age", Type: "date", Path: ".metadata.creationTimestamp"}}
		}
		for _, list := range [][]facts.Column{columns, want} {
			for i := range list {
				list[i].Path = strings.ReplaceAll(list[i].Path, `"`, `'`) // either quotes a text
			}
		}
		if !slices.Equal(columns, want) {
			t.Errorf("%s has the columns\n%v, want\n%v", kind.Kind, columns, want)
		}
		schema, err := kind.Schema()
		if err != nil {
			t.Fatal(err)
		}
		for _, difference := range facts.Compare("", schemas[kind.Kind], schema) {
			t.Errorf("%s%s", kind.Kind, difference)
		}
	}
}
