package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/util/jsonpath"

	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
)

const (
	asTable    = "application/json;as=Table;v=v1;g=meta.k8s.io"
	asMetadata = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
)

// column is a printed column as a CRD declares it.
type column struct {
	Name, Type, Format, JSONPath string
	Priority                     int32
}

// factsOf returns what Ark's own definition says about a kind.
func factsOf(t *testing.T, kind string) facts.Kind {
	t.Helper()
	all, err := facts.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(k facts.Kind) bool { return k.Kind == kind })
	if i < 0 {
		t.Fatalf("there are no facts about %s", kind)
	}
	return all[i]
}

// tables: what kubectl prints is what it printed for the CRDs.
func tables(t *testing.T, p place) {
	p.create(t, "one")
	two := p.putStatus(t, p.withStatus(p.create(t, "two"))).want(t, 200).object(t)
	columns := []column{{Name: "Name", Type: "string", Format: "name"}}
	for _, c := range factsOf(t, p.kind.Kind).Columns {
		columns = append(columns, column{Name: c.Name, Type: c.Type, JSONPath: c.Path, Priority: c.Priority})
	}
	if len(columns) == 1 {
		columns = append(columns, column{Name: "Age", Type: "date", JSONPath: ".metadata.creationTimestamp"})
	}
	table := func(body []byte) metav1.Table {
		t.Helper()
		var table metav1.Table
		decode(t, body, &table)
		if table.Kind != "Table" {
			t.Fatalf("no table: %s", excerpt(body))
		}
		return table
	}
	got := table(p.do(t, request{method: "GET", path: p.query(), accept: asTable + ",application/json"}).want(t, 200).body)
	p.sameColumns(t, got, columns)
	if len(got.Rows) != 2 || len(got.Rows[0].Cells) != len(got.ColumnDefinitions) {
		t.Fatalf("%d rows, want 2", len(got.Rows))
	}
	for i, short := range []string{"one", "two"} {
		p.sameCells(t, got.Rows[i], columns, p.read(t, short))
	}
	single := table(p.do(t, request{method: "GET", path: p.path("two"), accept: asTable}).want(t, 200).body)
	p.sameColumns(t, single, columns)
	p.sameCells(t, single.Rows[0], columns, two)
	var whole struct {
		Rows []struct{ Object map[string]any }
	}
	decode(t, p.do(t, request{method: "GET", path: p.query("includeObject=Object"), accept: asTable}).want(t, 200).body, &whole)
	if len(whole.Rows) != 2 || whole.Rows[0].Object["spec"] == nil {
		t.Errorf("includeObject=Object: %v", whole)
	}

	// In a watch each event is a table; only the first names the columns.
	w := p.watchWith(t, request{path: p.query("resourceVersion=" + two.GetResourceVersion()), accept: asTable})
	labelled := p.label(t, "two", "a", "b")
	p.label(t, "two", "a", "c")
	for i := range 2 {
		e := w.next(t)
		text, err := json.Marshal(e.Object)
		if err != nil {
			t.Fatal(err)
		}
		got := table(text)
		if e.Type != "MODIFIED" || len(got.Rows) != 1 {
			t.Fatalf("event %d: %s with %d rows", i, e.Type, len(got.Rows))
		}
		p.sameCells(t, got.Rows[0], columns, labelled)
		if i == 0 {
			p.sameColumns(t, got, columns)
		}
	}
	partial(t, p)
}

func (p place) sameColumns(t *testing.T, table metav1.Table, columns []column) {
	t.Helper()
	var got, want []string
	for i, c := range table.ColumnDefinitions {
		if i >= len(columns) && c.Priority > 0 && !p.system.reference {
			continue // For -o wide we show more than the CRDs did.
		}
		got = append(got, fmt.Sprintf("%s %s %d", c.Name, c.Type, c.Priority))
	}
	for _, c := range columns {
		want = append(want, fmt.Sprintf("%s %s %d", c.Name, c.Type, c.Priority))
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("columns %q, want %q", got, want)
	}
}

var age = regexp.MustCompile(`^(\d+[smh])+$`)

// sameCells computes the cells of a row from the object, as a CRD's columns do.
func (p place) sameCells(t *testing.T, row metav1.TableRow, columns []column, o object) {
	t.Helper()
	if len(row.Cells) < len(columns) {
		t.Errorf("%d cells of %d columns: %v", len(row.Cells), len(columns), row.Cells)
		return
	}
	for i, c := range columns {
		if c.JSONPath == "" {
			if row.Cells[i] != o.GetName() {
				t.Errorf("the name is %v, want %s", row.Cells[i], o.GetName())
			}
			continue
		}
		if c.Type == "date" {
			if text, _ := row.Cells[i].(string); !age.MatchString(text) {
				t.Errorf("%s is %v, no age", c.Name, row.Cells[i])
			}
			continue
		}
		path := jsonpath.New(c.Name).AllowMissingKeys(true)
		if err := path.Parse("{" + c.JSONPath + "}"); err != nil {
			t.Fatal(err)
		}
		var want bytes.Buffer
		if err := path.Execute(&want, o.Object); err != nil {
			t.Fatal(err)
		}
		got := ""
		if row.Cells[i] != nil {
			got = fmt.Sprint(row.Cells[i])
		}
		if got != want.String() {
			t.Errorf("%s of %s is %q, want %q", c.Name, o.GetName(), got, want.String())
		}
	}
}

// partial: clients that need the metadata only, such as the garbage collector, ask for that.
func partial(t *testing.T, p place) {
	one := p.read(t, "one")
	a := p.do(t, request{method: "GET", path: p.path("one"), accept: asMetadata}).want(t, 200).object(t)
	if a.GetKind() != "PartialObjectMetadata" || a.GetAPIVersion() != "meta.k8s.io/v1" || !equal(a.Object["metadata"], one.Object["metadata"]) || a.Object["spec"] != nil {
		t.Errorf("PartialObjectMetadata: %v", a)
	}
	list := p.do(t, request{method: "GET", path: p.query(), accept: strings.Replace(asMetadata, "Metadata", "MetadataList", 1)}).want(t, 200)
	if o := list.object(t); o.GetKind() != "PartialObjectMetadataList" || len(list.items(t)) != 2 || list.items(t)[0].Object["spec"] != nil {
		t.Errorf("PartialObjectMetadataList: %s", excerpt(list.body))
	}
	w := p.watchWith(t, request{path: p.query("resourceVersion=0"), accept: asMetadata})
	if e := w.next(t); e.Type != "ADDED" || e.Object["kind"] != "PartialObjectMetadata" {
		t.Errorf("a watch of metadata: %v", e.Object)
	}

	scheme := runtime.NewScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	codec := protobuf.NewSerializer(scheme, scheme)
	binary := func(path, as string) runtime.Object {
		t.Helper()
		a := p.do(t, request{method: "GET", path: path, accept: "application/vnd.kubernetes.protobuf;as=" + as + ";v=v1;g=meta.k8s.io"}).want(t, 200)
		if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "application/vnd.kubernetes.protobuf") {
			t.Fatalf("asked for %s in protobuf, got %s", as, got)
		}
		o, _, err := codec.Decode(a.body, nil, nil)
		if err != nil {
			t.Fatalf("decode %s: %v", as, err)
		}
		return o
	}
	if o, isPartial := binary(p.path("one"), "PartialObjectMetadata").(*metav1.PartialObjectMetadata); !isPartial || o.UID != one.GetUID() {
		t.Errorf("PartialObjectMetadata in protobuf: %v", o)
	}
	if l, isList := binary(p.query(), "PartialObjectMetadataList").(*metav1.PartialObjectMetadataList); !isList || len(l.Items) != 2 || l.ResourceVersion == "" {
		t.Errorf("PartialObjectMetadataList in protobuf: %v", l)
	}
}
