package objectjson_test

import (
	"encoding/json"
	"testing"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/objectjson"
)

// TestUnknownFieldsGoBackWhereTheyWere: an object's text is the same JSON after it has
// been an object.
func TestUnknownFieldsGoBackWhereTheyWere(t *testing.T) {
	for name, text := range map[string]string{
		"at the root":                 `{"future":{"a":[1,2.50,{"b":null}]},"metadata":{},"spec":{"input":"x"}}`,
		"in the metadata":             `{"metadata":{"name":"a","future":1,"ownerReferences":[{"apiVersion":"v1","kind":"K","name":"n","uid":"u","future":2}]},"spec":{}}`,
		"in an object that is empty":  `{"metadata":{},"spec":{},"status":{"tokenUsage":{"future":5}}}`,
		"in elements of a list":       `{"metadata":{},"spec":{},"status":{"conditions":[{"type":"A","status":"True","reason":"r","message":""},{"type":"B","status":"True","reason":"r","message":"","future":{"<":"&"}}]}}`,
		"with names that need escape": `{"metadata":{},"spec":{},"status":{"\u003c\"\n":1,"":2,"[0]":3,"a.b":4}}`,
		"with great numbers":          `{"metadata":{},"spec":{},"status":{"future":[123456789012345678901234567890,1e300,-0]}}`,
		"null":                        `{"metadata":{},"spec":{},"status":{"future":null}}`,
	} {
		t.Run(name, func(t *testing.T) {
			object := &v1alpha1.Query{}
			if err := json.Unmarshal([]byte(text), object); err != nil {
				t.Fatal(err)
			}
			if object.Unknown.Raw == "" {
				t.Fatal("nothing is kept")
			}
			got, err := json.Marshal(object.DeepCopy())
			if err != nil {
				t.Fatal(err)
			}
			if a, b := canonical(t, string(got)), canonical(t, text); a != b {
				t.Errorf("got\n%s, want\n%s", a, b)
			}
			again := &v1alpha1.Query{}
			if err := json.Unmarshal(got, again); err != nil {
				t.Fatal(err)
			}
			if again.Unknown != object.Unknown {
				t.Errorf("the second time\n%s, the first\n%s", again.Unknown.Raw, object.Unknown.Raw)
			}
		})
	}
}

func canonical(t *testing.T, text string) string {
	t.Helper()
	c, err := objectjson.Canonical([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestUnknownFieldsOfWhatIsGone: fields of a list's element go with it, and a field that
// has a value of its own keeps that.
func TestUnknownFieldsOfWhatIsGone(t *testing.T) {
	object := &v1alpha1.Query{}
	if err := json.Unmarshal([]byte(`{"metadata":{},"spec":{"input":"x","parameters":[{"name":"a","future":1},{"name":"b","future":2}]}}`), object); err != nil {
		t.Fatal(err)
	}
	object.Spec.Parameters = object.Spec.Parameters[:1]
	got, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"metadata":{},"spec":{"input":"x","parameters":[{"name":"a","future":1}]}}`; canonical(t, string(got)) != canonical(t, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	object.Spec.Parameters = nil
	if got, err = json.Marshal(object); err != nil {
		t.Fatal(err)
	}
	if want := `{"metadata":{},"spec":{"input":"x"}}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestPaths are printed as the strict decoder prints them.
func TestPaths(t *testing.T) {
	object := &v1alpha1.Query{}
	if err := json.Unmarshal([]byte(`{"metadata":{},"spec":{"input":"x","parameters":[{"name":"a"},{"name":"b","future":2}]}}`), object); err != nil {
		t.Fatal(err)
	}
	path := object.Unknown.List()[0].Path
	if got, want := path.String(), "spec.parameters[1].future"; got != want {
		t.Errorf("path %s, want %s", got, want)
	}
	if got, want := path.Pattern(), "spec.parameters[].future"; got != want {
		t.Errorf("pattern %s, want %s", got, want)
	}
}
