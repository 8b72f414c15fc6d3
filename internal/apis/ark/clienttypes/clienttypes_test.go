package clienttypes

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/mckinsey/ark-server/internal/apis/ark/facts"
)

// The types hold every field that the facts name, so a client with them loses none.
func TestTypesHoldTheFacts(t *testing.T) {
	kinds, err := facts.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds {
		object, err := New(kind.Kind)
		if err != nil {
			t.Error(err)
			continue
		}
		held := map[string]bool{}
		fieldsOf(reflect.TypeOf(object).Elem(), "", held)
		for path := range kind.Fields {
			if strings.HasPrefix(path, "spec") && !held[path] {
				t.Errorf("%s: a client has no %s", kind.Kind, path)
			}
		}
	}
}

func fieldsOf(node reflect.Type, path string, held map[string]bool) {
	held[path] = true
	switch node {
	case reflect.TypeFor[metav1.ObjectMeta](), reflect.TypeFor[metav1.TypeMeta](), reflect.TypeFor[metav1.Duration](),
		reflect.TypeFor[runtime.RawExtension](), reflect.TypeFor[json.RawMessage]():
		return
	}
	switch node.Kind() {
	case reflect.Pointer:
		fieldsOf(node.Elem(), path, held)
	case reflect.Slice:
		fieldsOf(node.Elem(), path+"[]", held)
	case reflect.Map:
		fieldsOf(node.Elem(), path+"{}", held)
	case reflect.Struct:
		for i := range node.NumField() {
			name, _, _ := strings.Cut(node.Field(i).Tag.Get("json"), ",")
			switch {
			case name == "":
				fieldsOf(node.Field(i).Type, path, held)
			case path == "":
				fieldsOf(node.Field(i).Type, name, held)
			default:
				fieldsOf(node.Field(i).Type, path+"."+name, held)
			}
		}
	}
}
