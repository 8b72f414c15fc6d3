package objects

import (
	"bytes"
	"testing"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apis/ark/v1prealpha1"
)

func serializers(t *testing.T) (fast *jsonSerializer, stock runtime.Serializer) {
	t.Helper()
	c, err := newCodecs()
	if err != nil {
		t.Fatal(err)
	}
	info, _ := runtime.SerializerInfoForMediaType(c.SupportedMediaTypes(), runtime.ContentTypeJSON)
	fast, ok := info.Serializer.(*jsonSerializer)
	if !ok {
		t.Fatalf("the serializer of JSON is a %T", info.Serializer)
	}
	return fast, fast.Serializer
}

// The fast serializer reads and writes as the standard one does, and delegates what it does not
// support to it.
func TestSerializersAgree(t *testing.T) {
	fast, stock := serializers(t)
	for _, text := range []string{
		`{"kind":"Query","apiVersion":"ark.mckinsey.com/v1alpha1","metadata":{"name":"q","labels":{"a":"b"},"creationTimestamp":"2026-01-02T03:04:05Z"},"spec":{"input":"a \u00e9 <b>","target":{"type":"agent","name":"x"}},"status":{"phase":"done","response":{"content":"x"}}}`,
		`{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","spec":{"input":"the kind is not first"}}`,
		`{"kind":"Query","apiVersion":"ark.mckinsey.com/v1alpha1","spec":{"input":"x","fromLater":{"a":[1.5]}}}`,
		`{"kind":"A2AServer","apiVersion":"ark.mckinsey.com/v1prealpha1","metadata":{"name":"s"},"spec":{"address":{"value":"http://x"}}}`,
		`{"kind":"Query","apiVersion":"ark.mckinsey.com/v9","spec":{"input":"of a version that is not known"}}`,
		`{"kind":"Query","apiVersion":"ark.mckinsey.com/v1alpha1","spec":{"input":7}}`,
		`{"kind":"Query","apiVersion":"ark.mckinsey.com/v1alpha1",`,
		`{"kind":"QueryList","apiVersion":"ark.mckinsey.com/v1alpha1","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"q"},"spec":{"input":"x"}}]}`,
		`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`,
		`[]`, ``,
	} {
		for name, into := range map[string]func() runtime.Object{
			"nothing": func() runtime.Object { return nil }, "a query": func() runtime.Object { return &v1alpha1.Query{} },
			"a model": func() runtime.Object { return &v1alpha1.Model{} }, "a server": func() runtime.Object { return &v1prealpha1.A2AServer{} },
		} {
			want, wantKind, wantErr := stock.Decode([]byte(text), nil, into())
			got, kind, err := fast.Decode([]byte(text), nil, into())
			if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
				t.Errorf("%s into %s: got %v, want %v", text, name, err, wantErr)
				continue
			}
			if err != nil {
				continue
			}
			if !apiequality.Semantic.DeepEqual(got, want) || *kind != *wantKind {
				t.Errorf("%s into %s: got %v %+v, want %v %+v", text, name, kind, got, wantKind, want)
			}
			var ours, theirs bytes.Buffer
			if err := fast.Encode(got, &ours); err != nil {
				t.Fatal(err)
			}
			if err := stock.Encode(want, &theirs); err != nil {
				t.Fatal(err)
			}
			if ours.String() != theirs.String() {
				t.Errorf("got %s, want %s", &ours, &theirs)
			}
		}
	}
}

// An object that is decoded into twice keeps nothing from the first time: the answer to a write
// replaces the whole object.
func TestDecodeOverwrites(t *testing.T) {
	fast, _ := serializers(t)
	q := &v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{Finalizers: []string{"old"}}}
	text := `{"kind":"Query","apiVersion":"ark.mckinsey.com/v1alpha1","metadata":{"name":"q"},"spec":{"input":"x"}}`
	if _, _, err := fast.Decode([]byte(text), nil, q); err != nil || q.Name != "q" || len(q.Finalizers) > 0 {
		t.Errorf("got %+v, %v", q.ObjectMeta, err)
	}
}

func TestVersionOfEveryKind(t *testing.T) {
	for _, kind := range install.Kinds() {
		if got := VersionOf(kind.Plural); got != kind.GroupVersionKind().GroupVersion() {
			t.Errorf("%s: got %s, want %s", kind.Plural, got, kind.GroupVersionKind().GroupVersion())
		}
	}
}
