package ark_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// crdDirectory holds the custom resource definitions that Ark's clients know;
// it lies beside the repository.
const crdDirectory = "../../../../shared/ark-api/crds"

// crd is one custom resource definition, checked and defaulted by the code that
// kube-apiserver itself uses.
type crd struct {
	gvk        schema.GroupVersionKind
	structural *structuralschema.Structural
	schema     crdvalidation.SchemaValidator
	rules      *cel.Validator // nil without rules
}

// loadCRDs returns the definitions by kind.
func loadCRDs(t *testing.T) map[string]*crd {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(crdDirectory, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no custom resource definitions in %s: this test needs the project's shared folder beside the repository", crdDirectory)
	}
	crds := map[string]*crd{}
	for _, file := range files {
		loaded := loadCRD(t, file)
		crds[loaded.gvk.Kind] = loaded
	}
	return crds
}

func loadCRD(t *testing.T, file string) *crd {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &definition); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	version := definition.Spec.Versions[0]
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &props, nil); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	loaded := &crd{gvk: schema.GroupVersionKind{
		Group: definition.Spec.Group, Version: version.Name, Kind: definition.Spec.Names.Kind,
	}}
	if loaded.structural, err = structuralschema.NewStructural(&props); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if loaded.schema, _, err = crdvalidation.NewSchemaValidator(&props); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	loaded.rules = cel.NewValidator(loaded.structural, true, math.MaxUint64)
	return loaded
}

// setDefaults fills in defaults as kube-apiserver does on reading a request.
func (c *crd) setDefaults(object map[string]any) {
	defaulting.PruneNonNullableNullsWithoutDefaults(object, c.structural)
	defaulting.Default(object, c.structural)
}

// validate returns what kube-apiserver finds wrong with a defaulted object.
func (c *crd) validate(ctx context.Context, object map[string]any) field.ErrorList {
	errs := crdvalidation.ValidateCustomResource(nil, object, c.schema)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, c.structural, object)...)
	if c.rules != nil {
		ruleErrs, _ := c.rules.Validate(ctx, nil, c.structural, object, nil, math.MaxInt64)
		errs = append(errs, ruleErrs...)
	}
	return errs
}
