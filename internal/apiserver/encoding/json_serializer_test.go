package encoding

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"sigs.k8s.io/randfill"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
)

// serializers returns the stock serializers of the Ark group, and ours.
func serializers(t *testing.T) (stock, ours runtime.SerializerInfo) {
	t.Helper()
	scheme, err := install.NewScheme()
	if err != nil {
		t.Fatal(err)
	}
	group := genericapiserver.NewDefaultAPIGroupInfo(ark.GroupName, scheme, runtime.NewParameterCodec(scheme), serializer.NewCodecFactory(scheme))
	codecs, err := NewCodecs(install.Kinds(), hooks.Off{})
	if err != nil {
		t.Fatal(err)
	}
	get := func(s runtime.NegotiatedSerializer) runtime.SerializerInfo {
		info, ok := runtime.SerializerInfoForMediaType(s.SupportedMediaTypes(), runtime.ContentTypeJSON)
		if !ok {
			t.Fatal("no serializer for JSON")
		}
		return info
	}
	return get(group.NegotiatedSerializer), get(codecs.Negotiated(group.NegotiatedSerializer))
}

func randomObjects() *randfill.Filler {
	return randfill.NewWithSeed(1).NilChance(0.3).NumElements(0, 3).MaxDepth(12).Funcs(append(
		metafuzzer.Funcs(serializer.NewCodecFactory(runtime.NewScheme())),
		func(j *v1alpha1.JSON, c randfill.Continue) {
			j.Raw = []string{`"<text>"`, `["\u2028", 1]`, ""}[c.Intn(3)]
		},
		func(j *v1alpha1.JSONObject, c randfill.Continue) { j.Raw = ` { "a": [1.0] }` },
	)...)
}

// pieces notes what is written, write by write.
type pieces []string

func (w *pieces) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}

func (w pieces) text() string {
	var b bytes.Buffer
	for _, p := range w {
		b.WriteString(p)
	}
	return b.String()
}

// TestSerializerEncodesAsStock: for objects and lists of all kinds, nil and empty
// lists, and lists of many pieces. The first write of a list must be short, for
// the response writer to compress it.
func TestSerializerEncodesAsStock(t *testing.T) {
	stock, ours := serializers(t)
	fill := randomObjects()
	for _, kind := range install.Kinds() {
		var objects []runtime.Object
		for range 20 {
			object, list := kind.New(), kind.NewList()
			fill.Fill(object)
			fill.Fill(list)
			objects = append(objects, object, list)
		}
		empty, long := kind.NewList(), kind.NewList()
		items := reflect.ValueOf(long).Elem().FieldByName("Items")
		reflect.ValueOf(empty).Elem().FieldByName("Items").Set(reflect.MakeSlice(items.Type(), 0, 0))
		items.Set(reflect.MakeSlice(items.Type(), 300, 300))
		for i := range 300 {
			fill.Fill(items.Index(i).Addr().Interface())
		}
		objects = append(objects, kind.New(), kind.NewList(), empty, long)
		for _, object := range objects {
			for name, pair := range map[string][2]runtime.Encoder{
				"plain": {stock.Serializer, ours.Serializer}, "stream": {stock.StreamSerializer, ours.StreamSerializer},
				"strict": {stock.StrictSerializer, ours.StrictSerializer}, "pretty": {stock.PrettySerializer, ours.PrettySerializer},
			} {
				var got, want pieces
				if err := pair[0].Encode(object, &want); err != nil {
					t.Fatal(err)
				}
				if err := pair[1].Encode(object, &got); err != nil {
					t.Fatal(err)
				}
				if got.text() != want.text() {
					t.Fatalf("%s: got %s, want %s", name, got.text(), want.text())
				}
				if name == "plain" && len(want) > 1 && got[0] != want[0] {
					t.Fatalf("%s: began with %q, want %q", name, got[0], want[0])
				}
			}
		}
	}
	event := &metav1.WatchEvent{Type: "ADDED", Object: runtime.RawExtension{Raw: []byte(`{"a":"<"}` + "\n")}}
	var got, want bytes.Buffer
	if err := stock.StreamSerializer.Encode(event, &want); err != nil {
		t.Fatal(err)
	}
	if err := ours.StreamSerializer.Encode(event, &got); err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() {
		t.Errorf("got %s, want %s", &got, &want)
	}
}

// A text that cannot be encoded is an error, as it is for the stock serializer,
// alone and in a list.
func TestSerializerFailsAsStock(t *testing.T) {
	stock, ours := serializers(t)
	bad := v1alpha1.Query{Spec: v1alpha1.QuerySpec{Input: v1alpha1.JSON{Raw: `{"a"`}}}
	for _, object := range []runtime.Object{&bad, &v1alpha1.QueryList{Items: []v1alpha1.Query{{}, bad}}} {
		want := stock.Serializer.Encode(object, &bytes.Buffer{})
		got := ours.Serializer.Encode(object, &bytes.Buffer{})
		if want == nil || got == nil || got.Error() != want.Error() {
			t.Errorf("%T: got %v, want %v", object, got, want)
		}
	}
}

// TestStrictSerializerReportsDuplicates and leaves unknown fields, which it keeps, to the
// registry.
func TestStrictSerializerReportsDuplicates(t *testing.T) {
	_, ours := serializers(t)
	const head = `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query",`
	for text, want := range map[string]string{
		head + `"spec":{"input":"a","input":"b","unknown":1}}`:                     `strict decoding error: duplicate field "spec.input"`,
		head + `"spec":{"unknown":1,"unknown":2}}`:                                 "", /* as the stock decoder has it */
		head + `"status":{"tokenUsage":{"unknown":{"a":1}}},"spec":{"input":"a"}}`: "",
	} {
		for name, into := range map[string]runtime.Object{"nothing": nil, "query": &v1alpha1.Query{}} {
			obj, _, err := ours.StrictSerializer.Decode([]byte(text), nil, into)
			if got := fmt.Sprint(err); want != "" && got != want || want == "" && err != nil {
				t.Errorf("into %s, %s: %s, want %q", name, text, got, want)
			}
			if q, ok := obj.(*v1alpha1.Query); !ok || q.Unknown.Raw == "" {
				t.Errorf("into %s, %s: nothing is kept: %v", name, text, obj)
			}
		}
	}
}

// TestSerializerDecodesAsStock: the object, its kind and the error are the stock
// serializer's, strict or not, whatever the text says and into whatever it goes.
func TestSerializerDecodesAsStock(t *testing.T) {
	stock, ours := serializers(t)
	defaults := v1alpha1.SchemeGroupVersion.WithKind("Query")
	const head = `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query",`
	for _, text := range []string{
		head + `"metadata":{"name":"x","creationTimestamp":null},"spec":{"input":"hi","target":{"type":"agent","name":"a"}},"status":null}`,
		head + `"spec":{"Input":"wrong case"}}`,
		head + `"spec":{"cancel":"yes"}}`,
		head + `"spec":{"input":{"a":1,"a":2}}}`,
		`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"other"}}`,
		`{"apiVersion":"v1","kind":"Query"}`, `{"metadata":{"name":"no kind"}}`, `{"kind":"Query"}`, `{"spec":`, `[]`, ``, `null`,
		`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"QueryList","items":[{}]}`,
	} {
		for name, pair := range map[string][2]runtime.Decoder{
			"plain": {stock.Serializer, ours.Serializer}, "strict": {stock.StrictSerializer, ours.StrictSerializer},
		} {
			for into, newObject := range map[string]func() runtime.Object{
				"nothing": func() runtime.Object { return nil }, "query": func() runtime.Object { return &v1alpha1.Query{} },
				"full query": func() runtime.Object {
					return &v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{Name: "before", Labels: map[string]string{"a": "b"}}}
				},
				"agent": func() runtime.Object { return &v1alpha1.Agent{} }, "unknown": func() runtime.Object { return &runtime.Unknown{} },
			} {
				for _, gvk := range []*schema.GroupVersionKind{nil, &defaults} {
					want, wantKind, wantErr := pair[0].Decode([]byte(text), gvk, newObject())
					got, gotKind, gotErr := pair[1].Decode([]byte(text), gvk, newObject())
					if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(gotKind, wantKind) || !reflect.DeepEqual(gotErr, wantErr) {
						t.Errorf("%s into %s, %s: got %#v, %v, %v; want %#v, %v, %v", name, into, text, got, gotKind, gotErr, want, wantKind, wantErr)
					}
				}
			}
		}
	}
}
