package ark_test

import (
	"context"
	"encoding/json"
	"math"
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

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
)

// crd is one custom resource definition, checked and defaulted by the code that
// kube-apiserver itself uses.
type crd struct {
	gvk        schema.GroupVersionKind
	structural *structuralschema.Structural
	schema     crdvalidation.SchemaValidator
	rules      *cel.Validator // nil without rules
}

// loadCRDs returns the definitions by kind, made from the facts about them.
func loadCRDs(t *testing.T) map[string]*crd {
	t.Helper()
	kinds, err := facts.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	crds := map[string]*crd{}
	for _, kind := range kinds {
		crds[kind.Kind] = loadCRD(t, kind)
	}
	return crds
}

func loadCRD(t *testing.T, kind facts.Kind) *crd {
	t.Helper()
	content, err := kind.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var versioned apiextensionsv1.JSONSchemaProps
	if err := json.Unmarshal(encode(t, content), &versioned); err != nil {
		t.Fatalf("%s: %v", kind.Kind, err)
	}
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&versioned, &props, nil); err != nil {
		t.Fatalf("%s: %v", kind.Kind, err)
	}
	loaded := &crd{gvk: schema.GroupVersionKind{Group: ark.GroupName, Version: kind.Version, Kind: kind.Kind}}
	if loaded.structural, err = structuralschema.NewStructural(&props); err != nil {
		t.Fatalf("%s: %v", kind.Kind, err)
	}
	if loaded.schema, _, err = crdvalidation.NewSchemaValidator(&props); err != nil {
		t.Fatalf("%s: %v", kind.Kind, err)
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
