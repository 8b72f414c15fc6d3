package registry

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// crds holds the custom resource definitions that the kinds took over from.
const crds = "../../../shared/ark-api/crds"

func readCRD(t *testing.T, kind Kind) apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(crds, kind.Plural+".yaml"))
	if err != nil {
		t.Fatalf("read the CRD to compare with: %v", err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(content, &crd); err != nil {
		t.Fatalf("decode the CRD of %s: %v", kind.Plural, err)
	}
	if len(crd.Spec.Versions) != 1 || crd.Spec.Versions[0].Name != kind.GroupVersion.Version {
		t.Fatalf("the CRD of %s has other versions than %s", kind.Plural, kind.GroupVersion.Version)
	}
	return crd
}

func TestNamesAreThoseOfTheCRD(t *testing.T) {
	everyKind(t, func(t *testing.T, kind Kind, _ registrytest.Sample) {
		crd := readCRD(t, kind)
		names := crd.Spec.Names
		if crd.Spec.Group != kind.GroupVersion.Group || names.Kind != kind.Name || names.Plural != kind.Plural || names.Singular != kind.Singular {
			t.Errorf("got %+v, want %+v", kind, names)
		}
		if got, want := kind.ClusterScoped, crd.Spec.Scope == apiextensionsv1.ClusterScoped; got != want {
			t.Errorf("cluster scoped: got %t, want %t", got, want)
		}
	})
}

// The tables of the CRDs come from the code that prints them, so that a
// difference in any cell, header or description shows.
func TestTablesAreThoseOfTheCRD(t *testing.T) {
	everyKind(t, func(t *testing.T, kind Kind, sample registrytest.Sample) {
		columns := readCRD(t, kind).Spec.Versions[0].AdditionalPrinterColumns
		if len(columns) == 0 {
			// What the API server does for a CRD without columns.
			columns = []apiextensionsv1.CustomResourceColumnDefinition{{
				Name: "Age", Type: "date", JSONPath: ".metadata.creationTimestamp",
				Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"],
			}}
		}
		reference, err := tableconvertor.New(columns)
		if err != nil {
			t.Fatal(err)
		}
		ours := tableConvertor{kind: kind}

		full := sample.Object("default", "full")
		full["status"] = sample.StatusValue()
		withoutStatus := sample.Object("default", "without-status")
		empty := sample.Object("default", "empty")
		empty["spec"] = map[string]any{}
		empty["status"] = map[string]any{}
		created := metav1.NewTime(time.Now().Add(-3 * time.Hour))
		var objects []runtime.Object
		var items []unstructured.Unstructured
		for _, content := range []map[string]any{full, withoutStatus, empty} {
			obj := typed(t, kind, content)
			accessor(t, obj).SetCreationTimestamp(created)
			objects = append(objects, obj)
			u := unstructured.Unstructured{Object: content}
			u.SetCreationTimestamp(created)
			items = append(items, u)

			compareTables(t, ours, reference, obj, &u)
		}
		list := kind.NewList()
		if err := meta.SetList(list, objects); err != nil {
			t.Fatal(err)
		}
		m, err := meta.ListAccessor(list)
		if err != nil {
			t.Fatal(err)
		}
		m.SetResourceVersion("42")
		m.SetContinue("more")
		left := int64(7)
		m.SetRemainingItemCount(&left)
		u := &unstructured.UnstructuredList{Items: items}
		u.SetResourceVersion("42")
		u.SetContinue("more")
		u.SetRemainingItemCount(&left)
		compareTables(t, ours, reference, list, u)
	})
}

type convertor interface {
	ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error)
}

func compareTables(t *testing.T, ours tableConvertor, reference convertor, obj, same runtime.Object) {
	t.Helper()
	wide := 0
	for _, column := range ours.kind.Columns {
		if column.Priority > 0 {
			wide++
		}
	}
	for _, options := range []*metav1.TableOptions{nil, {NoHeaders: true}} {
		got, err := ours.ConvertToTable(context.Background(), obj, options)
		if err != nil {
			t.Fatal(err)
		}
		want, err := reference.ConvertToTable(context.Background(), same, options)
		if err != nil {
			t.Fatal(err)
		}
		narrow(got, wide)
		for i := range got.Rows {
			got.Rows[i].Object = runtime.RawExtension{}
		}
		for i := range want.Rows {
			want.Rows[i].Object = runtime.RawExtension{}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the tables differ:\n got %s\nwant %s", asJSON(t, got), asJSON(t, want))
		}
	}
}

// narrow removes what only kubectl get -o wide shows, and which the CRDs lack.
// Such columns come last.
func narrow(table *metav1.Table, wide int) {
	if n := len(table.ColumnDefinitions); n > 0 {
		table.ColumnDefinitions = table.ColumnDefinitions[:n-wide]
	}
	for i := range table.Rows {
		cells := &table.Rows[i].Cells
		*cells = (*cells)[:len(*cells)-wide]
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
