package standalone

import (
	"testing"
	"unsafe"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

// The collector's graph keeps the name and the uid that it saw first for as long as
// the object lives. They must not keep the text they were read from.
func TestTrimLetsTheTextGo(t *testing.T) {
	text := "q1\x00ns\x00uid-1"
	whole := &v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{Name: text[:2], Namespace: text[3:5], UID: "uid-1"}}
	obj, err := trim(whole)
	if err != nil {
		t.Fatal(err)
	}
	trimmed := obj.(*metav1.PartialObjectMetadata)
	if trimmed.Name != whole.Name || trimmed.Namespace != whole.Namespace || trimmed.UID != whole.UID {
		t.Errorf("%s/%s, %s; want %s/%s, %s", trimmed.Namespace, trimmed.Name, trimmed.UID, whole.Namespace, whole.Name, whole.UID)
	}
	if unsafe.StringData(trimmed.Name) == unsafe.StringData(whole.Name) || unsafe.StringData(trimmed.Namespace) == unsafe.StringData(whole.Namespace) ||
		unsafe.StringData(string(trimmed.UID)) == unsafe.StringData(string(whole.UID)) {
		t.Error("what is kept is part of the object's text")
	}
}
