package registry

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// factsOf returns the facts of a kind from Ark's own definition.
func factsOf(t *testing.T, kind Kind) facts.Kind {
	t.Helper()
	all, err := facts.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(k facts.Kind) bool { return k.Kind == kind.Name })
	if i < 0 {
		t.Fatalf("there are no facts about %s", kind.Name)
	}
	return all[i]
}

func TestNamesAreThoseOfTheCRD(t *testing.T) {
	everyKind(t, func(t *testing.T, kind Kind, _ registrytest.Sample) {
		want := factsOf(t, kind)
		if kind.GroupVersion.Version != want.Version || kind.Plural != want.Plural || kind.Singular != want.Singular {
			t.Errorf("got %+v, want %+v", kind, want)
		}
		if got, want := kind.ClusterScoped, want.ClusterScoped; got != want {
			t.Errorf("cluster scoped: got %t, want %t", got, want)
		}
	})
}

// The tables of the CRDs come from the code that prints them, so that a
// difference in any cell, header or description shows.
func TestTablesAreThoseOfTheCRD(t *testing.T) {
	everyKind(t, func(t *testing.T, kind Kind, sample registrytest.Sample) {
		var columns []apiextensionsv1.CustomResourceColumnDefinition
		for _, c := range factsOf(t, kind).Columns {
			columns = append(columns, apiextensionsv1.CustomResourceColumnDefinition{Name: c.Name, Type: c.Type, JSONPath: c.Path, Priority: c.Priority})
		}
		if len(columns) == 0 {
			// The API server does this for a CRD without columns.
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
