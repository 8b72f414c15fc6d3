package standalone

import (
	"reflect"
	"testing"
	"unsafe"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

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
	trimmed := obj.(metav1.Object)
	name, namespace, uid := trimmed.GetName(), trimmed.GetNamespace(), string(trimmed.GetUID())
	if name != whole.Name || namespace != whole.Namespace || uid != string(whole.UID) {
		t.Errorf("%s/%s, %s; want %s/%s, %s", namespace, name, uid, whole.Namespace, whole.Name, whole.UID)
	}
	if unsafe.StringData(name) == unsafe.StringData(whole.Name) || unsafe.StringData(namespace) == unsafe.StringData(whole.Namespace) ||
		unsafe.StringData(uid) == unsafe.StringData(string(whole.UID)) {
		t.Error("what is kept is part of the object's text")
	}
}

// What is kept of an object answers the collector as the object does, also when it is trimmed
// again.
func TestTrimKeepsWhatTheCollectorAsks(t *testing.T) {
	now := metav1.Now()
	for _, whole := range []*v1alpha1.Query{
		{ObjectMeta: metav1.ObjectMeta{Name: "plain", Namespace: "ns", UID: "1", ResourceVersion: "7"}},
		{ObjectMeta: metav1.ObjectMeta{Name: "owned", OwnerReferences: []metav1.OwnerReference{{Name: "o", UID: "2"}}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "ending", DeletionTimestamp: &now, Finalizers: []string{metav1.FinalizerOrphanDependents}}},
	} {
		once, err := trim(whole)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := trim(once)
		if err != nil {
			t.Fatal(err)
		}
		for _, obj := range []any{once, twice} {
			if _, ok := obj.(runtime.Object); !ok {
				t.Fatalf("%T is no runtime.Object", obj)
			}
			got, err := meta.Accessor(obj)
			if err != nil {
				t.Fatal(err)
			}
			if got.GetResourceVersion() != whole.ResourceVersion || !reflect.DeepEqual(got.GetOwnerReferences(), whole.OwnerReferences) ||
				!reflect.DeepEqual(got.GetFinalizers(), whole.Finalizers) || !got.GetDeletionTimestamp().Equal(whole.DeletionTimestamp) {
				t.Errorf("%s: got %+v", whole.Name, got)
			}
		}
	}
}
