package objectjson_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/randfill"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/objectjson"
	"github.com/mckinsey/ark-server/internal/registry"
)

func codecFor(t testing.TB, sample any) *objectjson.Codec {
	t.Helper()
	c, err := objectjson.For(sample)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// stock is what encoding/json writes.
func stock(t testing.TB, object any) string {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatalf("encode %#v: %v", object, err)
	}
	return string(text)
}

// filler makes random objects, with texts that JSON has to escape.
func filler(seed int64) *randfill.Filler {
	funcs := append(metafuzzer.Funcs(serializer.NewCodecFactory(runtime.NewScheme())),
		func(s *string, c randfill.Continue) { *s = randomText(c) },
		func(j *v1alpha1.JSON, c randfill.Continue) { j.Raw = randomRaw(c, 3) },
		func(j *v1alpha1.JSONObject, c randfill.Continue) { j.Raw = `{"x":` + randomRaw(c, 2) + `}` },
	)
	return randfill.NewWithSeed(seed).NilChance(0.3).NumElements(0, 3).MaxDepth(12).Funcs(funcs...)
}

func randomText(c randfill.Continue) string {
	pieces := []string{"plain", " ", "<b>", "&", `"`, `\`, "\n", "\t", "\b\f\r", "\x01", "\x7f", "é", "\u2028", "\u2029", "“…”", "\xff", "\xe2\x80", "\U0001F600", "\ufffd", "0123456789abcdef"}
	var b bytes.Buffer
	for range c.Intn(6) {
		b.WriteString(pieces[c.Intn(len(pieces))])
	}
	return b.String()
}

func randomRaw(c randfill.Continue, depth int) string {
	options := 7
	if depth == 0 {
		options = 5
	}
	switch c.Intn(options) {
	case 0:
		return "null"
	case 1:
		return "-12.50e+3"
	case 2:
		return "true"
	case 3, 4:
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(c.Bool())
		_ = e.Encode(randomText(c)) // a string always has an encoding
		return string(bytes.TrimSpace(b.Bytes()))
	case 5:
		return "[" + randomRaw(c, depth-1) + ", " + randomRaw(c, depth-1) + "]"
	default:
		return `{"<k>" :` + randomRaw(c, depth-1) + "}"
	}
}

// TestEveryKindEncodesAndDecodesAsStock: random objects of every kind, and lists.
func TestEveryKindEncodesAndDecodesAsStock(t *testing.T) {
	for _, kind := range registry.Kinds() {
		for name, newObject := range map[string]func() runtime.Object{kind.Name: kind.New, kind.Name + "List": kind.NewList} {
			t.Run(name, func(t *testing.T) {
				codec := codecFor(t, newObject())
				fill := filler(1)
				for range 300 {
					object := newObject()
					fill.Fill(object)
					want := stock(t, object)
					got, ok := codec.Append([]byte("before"), object)
					if !ok {
						t.Fatalf("left to the stock encoder: %s", want)
					}
					if string(got) != "before"+want {
						t.Fatalf("encoded\n%s, want\n%s", got, want)
					}
					sameDecoded(t, codec, newObject, []byte(want), true)
				}
			})
		}
	}
}

// sameDecoded compares what the codec and the stock decoder make of a text. The
// codec may leave it to the stock decoder, unless it must not.
func sameDecoded(t *testing.T, codec *objectjson.Codec, newObject func() runtime.Object, text []byte, must bool) {
	t.Helper()
	got, want := newObject(), newObject()
	strict, unknown, err := stockDecode(text, want)
	if !codec.Decode(string(text), got) {
		if must && err == nil && len(strict) == 0 { // two keys may become one when encoded
			t.Fatalf("left to the stock decoder: %s", text)
		}
		if !reflect.ValueOf(got).Elem().IsZero() {
			t.Fatalf("left half decoded: %s", text)
		}
		return
	}
	if err != nil || len(strict) > 0 {
		t.Fatalf("decoded what the stock decoder refuses: %s: %v, %v", text, err, strict)
	}
	if o, ok := got.(objectjson.Object); ok {
		if n := min(len(o.UnknownFields().List()), 100); n != unknown { // the strict decoder stops there
			t.Fatalf("kept %d unknown fields of %s, want %d", n, text, unknown)
		}
		*want.(objectjson.Object).UnknownFields() = *o.UnknownFields()
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("decoded %s to\n%#v, want\n%#v", text, got, want)
	}
}

// stockDecode decodes by the Go fields alone. It returns the strict decoder's faults, and
// how many unknown fields that has found.
func stockDecode(text []byte, into runtime.Object) (faults []error, unknown int, err error) {
	o, ok := into.(objectjson.Object)
	if !ok {
		var list struct{ Items []json.RawMessage }
		if json.Unmarshal(text, &list) == nil { // a list's items decode themselves
			for _, item := range list.Items {
				faults, _, err := stockDecode(item, newItem(into))
				if len(faults) > 0 || err != nil {
					return faults, 0, err
				}
			}
		}
		faults, err = kjson.UnmarshalStrict(text, into)
		return faults, 0, err
	}
	all, err := kjson.UnmarshalStrict(text, o.Plain())
	for _, fault := range all {
		if strings.HasPrefix(fault.Error(), "unknown field") {
			unknown++
			continue
		}
		faults = append(faults, fault)
	}
	return faults, unknown, err
}

// newItem returns an empty item of a list.
func newItem(list runtime.Object) runtime.Object {
	items := reflect.TypeOf(list).Elem()
	field, _ := items.FieldByName("Items")
	return reflect.New(field.Type.Elem()).Interface().(runtime.Object)
}

// FuzzDecode mutates JSON texts of queries.
func FuzzDecode(f *testing.F) {
	codec := codecFor(f, &v1alpha1.Query{})
	for _, seed := range []string{
		`{"a":1,"status":{"b":[],"conditions":[{"type":"A","c":{"d":null}},null],"tokenUsage":{"e":1e2,"e":2}},"sp\u0065c":{"f":0},"metadata":{"ownerReferences":[{"g":true}]}}`,
		`{}`, `null`, ` { "kind" : "Query" } `, `{"metadata":{"creationTimestamp":null,"labels":{"a":"b","a":"c"},"generation":12}}`,
		`{"spec":{"input":"x","input":"y"}}`, `{"spec":{"input":[1,{"a":"\u00e9\ud83d\ude00<\u2028"}],"target":{"type":"agent","name":"\n"}}}`,
		`{"spec":{"cancel":true,"parameters":[],"overrides":null},"status":{"tokenUsage":{"totalTokens":-0}}}`, `{"Spec":{}}`,
		`{"status":{"tokenUsage":{"totalTokens":9223372036854775807,"promptTokens":1e2}}}`, `{"status":{"phase":"done","conditions":[{"type":"A","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`,
		`{"metadata":{"managedFields":[{"manager":"m","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{".":{}}},"time":"2026-01-01T00:00:00Z"}]}}`, "{\"kind\":\"\xff\"}", `{"kind":"a` + "\x01" + `"}`, `{"kind":01}`, `{}x`,
		`{"kind":"Query""apiVersion":"v1"}`, `{"spec":{"input":{"a":1"b":2}}}`, `{"spec":{"input":"<&>` + "\x7f" + `"}}`, `{"spec":{"input":"é“”` + "\u2028" + `"}}`,
		`{"metadata":{"creationTimestamp":"2026-01-01t00:00:00.25+02:00"}}`, `{"metadata":{"creationTimestamp":"2026-02-30T00:00:00Z","deletionTimestamp":"2026\u002d01-01T00:00:00Z"}}`,
		`{"metadata":{"creationTimestamp":"","deletionTimestamp":"9999-12-31T23:59:59,5-23:59"}}`, `{"metadata":{"deletionTimestamp":"0001-01-01T00:00:00Z"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		sameDecoded(t, codec, func() runtime.Object { return &v1alpha1.Query{} }, text, false)
	})
}

// FuzzEncode puts any text where a query has text, and any where it has JSON.
func FuzzEncode(f *testing.F) {
	codec := codecFor(f, &v1alpha1.Query{})
	for _, seed := range []string{"", "plain", "<&>\u2028é“", "\xff\x00\x1f\x7f", `"\u2028 \/"`, ` [ 1 , {"<":-0.5E9} ] `, `{"a":1"b":2}`, `[1"a"]`, `{"a":1`, "01", "\"\u2029\xe2\x80\"", "12345678<"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q := &v1alpha1.Query{}
		q.Name, q.Labels = text, map[string]string{text: text, "x": ""}
		q.Spec.Input.Raw = text
		want, err := json.Marshal(q)
		got, ok := codec.Append(nil, q)
		if ok != (err == nil) {
			t.Fatalf("encoded: %t; encoding/json: %v", ok, err)
		}
		if ok && !bytes.Equal(got, want) {
			t.Fatalf("encoded\n%s, want\n%s", got, want)
		}
	})
}

func TestForRefusesWhatItCannotEncode(t *testing.T) {
	type embedded struct{ A string }
	type twice struct {
		embedded
		A string
	}
	for _, sample := range []any{
		v1alpha1.Query{}, nil, new(float64), new(any), new([]byte), new(map[int]string), new(twice),
		new(struct {
			N int `json:",string"`
		}),
		new(struct{ *embedded }),
	} {
		if _, err := objectjson.For(sample); err == nil {
			t.Errorf("%T has a codec", sample)
		}
	}
}

// A codec takes only its own type, and decodes only into zero values.
func TestCodecLeavesOthersAlone(t *testing.T) {
	codec := codecFor(t, &v1alpha1.Query{})
	if _, ok := codec.Append(nil, &v1alpha1.Agent{}); ok {
		t.Error("encoded an Agent")
	}
	if _, ok := codec.Append(nil, (*v1alpha1.Query)(nil)); ok {
		t.Error("encoded nil")
	}
	full := &v1alpha1.Query{}
	full.Name = "kept"
	if codec.Decode(`{"spec":{}}`, full) || full.Name != "kept" {
		t.Error("decoded over a value")
	}
}

// Decoding uses memory again that an object before may have left something in, not
// least one that turned out to be wrong halfway, and pieces of objects lie together.
func TestDecodedObjectsAreApart(t *testing.T) {
	codec := codecFor(t, &v1alpha1.Query{})
	query := func() runtime.Object { return &v1alpha1.Query{} }
	managers := func(n int, members string) string {
		one := `{"manager":"m"` + members + `}`
		return `{"metadata":{"managedFields":[` + strings.Repeat(one+",", n-1) + one + `]}}`
	}
	full := `,"operation":"Update","time":"2026-01-01T00:00:00Z","fieldsV1":{"f:spec":{}},"subresource":"status"`
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for _, n := range []int{1, 4, 5, 9, 200, 3, 64, 65, 2} {
				for _, text := range []string{
					managers(n, full), managers(n, full+`,"wrong":1`), managers(n, full)[:len(managers(n, full))-4], managers(n, ""),
					`{"metadata":{"managedFields":[null],"labels":{"a":null,"b":"\u0041"},"annotations":{}}}`,
				} {
					sameDecoded(t, codec, query, []byte(text), false)
				}
			}
		})
	}
	done.Wait()

	text := managers(3, full)
	before := strings.Clone(text)
	var q v1alpha1.Query
	if !codec.Decode(text, &q) {
		t.Fatal("left to the stock decoder")
	}
	for i := range q.ManagedFields {
		// A decoder that fills an object anew writes where its managed fields were.
		if err := q.ManagedFields[i].FieldsV1.UnmarshalJSON([]byte(`{"f:xxx":{}}`)); err != nil {
			t.Fatal(err)
		}
		q.ManagedFields[i].Time.Time = time.Time{}
		if i+1 < len(q.ManagedFields) && q.ManagedFields[i+1].Time.IsZero() {
			t.Error("two managers have one time")
		}
	}
	if text != before {
		t.Errorf("the text has become %s", text)
	}
}

func benchmarkQuery(b *testing.B) (*objectjson.Codec, *v1alpha1.Query, []byte) {
	b.Helper()
	var q v1alpha1.Query
	text := []byte(`{"kind":"Query","apiVersion":"ark.mckinsey.com/v1alpha1","metadata":{"name":"query-000001","namespace":"bench","uid":"0b6f0f0c-7f6a-4a4c-9c1e-5f0f6c1f2a3b","generation":1,"creationTimestamp":"2026-01-01T00:00:00Z","managedFields":[{"manager":"bench","operation":"Update","apiVersion":"ark.mckinsey.com/v1alpha1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{".":{},"f:input":{},"f:target":{".":{},"f:name":{},"f:type":{}},"f:timeout":{},"f:ttl":{},"f:type":{}}}}]},"spec":{"input":"` +
		string(bytes.Repeat([]byte("Compare the findings of the three reports. "), 32)) + `","type":"user","target":{"type":"agent","name":"researcher"},"ttl":"720h","timeout":"5m"},"status":{"phase":"pending"}}`)
	if err := json.Unmarshal(text, &q); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	return codecFor(b, &q), &q, text
}

func BenchmarkEncode(b *testing.B) {
	codec, q, _ := benchmarkQuery(b)
	var to []byte
	for b.Loop() {
		to, _ = codec.Append(to[:0], q)
	}
}

func BenchmarkEncodeStock(b *testing.B) {
	_, q, _ := benchmarkQuery(b)
	var to bytes.Buffer
	e := json.NewEncoder(&to)
	for b.Loop() {
		to.Reset()
		if err := e.Encode(q); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	codec, _, encoded := benchmarkQuery(b)
	text := string(encoded)
	for b.Loop() {
		if !codec.Decode(text, &v1alpha1.Query{}) {
			b.Fatal("left to the stock decoder")
		}
	}
}

func BenchmarkDecodeStock(b *testing.B) {
	_, _, text := benchmarkQuery(b)
	for b.Loop() {
		if err := kjson.UnmarshalCaseSensitivePreserveInts(text, &v1alpha1.Query{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeEncodingJSON is version 2 of encoding/json under GOEXPERIMENT=jsonv2.
func BenchmarkDecodeEncodingJSON(b *testing.B) {
	_, _, text := benchmarkQuery(b)
	for b.Loop() {
		if err := json.Unmarshal(text, &v1alpha1.Query{}); err != nil {
			b.Fatal(err)
		}
	}
}
