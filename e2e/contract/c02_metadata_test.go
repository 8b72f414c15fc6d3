package contract

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func metadata(t *testing.T, p place) {
	generated := p.sample("")
	generated.SetName("")
	generated.SetGenerateName(p.name("some-"))
	first, second := p.post(t, generated).want(t, 201).object(t), p.post(t, generated).want(t, 201).object(t)
	if !strings.HasPrefix(first.GetName(), p.name("some-")) || first.GetName() == p.name("some-") || first.GetName() == second.GetName() {
		t.Errorf("generateName %s made %q and %q", p.name("some-"), first.GetName(), second.GetName())
	}

	p.create(t, "twin")
	p.post(t, p.sample("twin")).refused(t, 409, metav1.StatusReasonAlreadyExists, p.name("twin"), "already exists")

	const foreign = "00000000-0000-0000-0000-000000000001"
	past := metav1.NewTime(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))
	claimed := p.create(t, "claims", func(o object) {
		o.SetUID(foreign)
		o.SetCreationTimestamp(past)
		o.SetGeneration(42)
		setField(o, "/somewhere", "metadata", "selfLink")
		o.SetManagedFields([]metav1.ManagedFieldsEntry{})
		if !p.system.reference { // A CRD's create refuses a resourceVersion with 500.
			o.SetResourceVersion("12345")
		}
	})
	if claimed.GetUID() == foreign || claimed.GetCreationTimestamp().Year() == 2001 || claimed.GetGeneration() != 1 || claimed.GetResourceVersion() == "12345" {
		t.Errorf("the server took the client's word: %v", claimed.Object["metadata"])
	}
	if claimed.GetSelfLink() != "" && !p.system.reference { // CRDs are stored as they came.
		t.Errorf("selfLink %q was kept", claimed.GetSelfLink())
	}
	if len(claimed.GetManagedFields()) == 0 {
		t.Error("no managedFields")
	}

	update := p.changed(claimed)
	update.SetGeneration(99)
	updated := p.put(t, update).want(t, 200).object(t)
	if updated.GetGeneration() != 2 || updated.GetUID() != claimed.GetUID() || field(updated, "metadata", "creationTimestamp") != field(claimed, "metadata", "creationTimestamp") {
		t.Errorf("after an update: %v", updated.Object["metadata"])
	}
	update = updated.DeepCopy()
	update.SetUID(foreign)
	p.put(t, update).refused(t, 409, metav1.StatusReasonConflict, "UID")
	// Without them they are filled in, and an empty entry resets the managed fields, as documented for
	// Kubernetes.
	update = without(updated, []string{"metadata", "uid"}, []string{"metadata", "creationTimestamp"}, []string{"metadata", "managedFields"})
	bare := p.put(t, update).want(t, 200).object(t)
	if bare.GetUID() != claimed.GetUID() || field(bare, "metadata", "creationTimestamp") == nil || len(bare.GetManagedFields()) == 0 {
		t.Errorf("after an update without uid, creationTimestamp and managedFields: %v", bare.Object["metadata"])
	}
}
