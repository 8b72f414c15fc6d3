package v1alpha1

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/mckinsey/ark-server/internal/apis/records"
)

// SchemeGroupVersion is the group and version of the kinds in this package.
var SchemeGroupVersion = schema.GroupVersion{Group: records.GroupName, Version: "v1alpha1"}

// AddToScheme registers the kinds and their field selectors. What is stored is registered as its own internal version, too.
func AddToScheme(s *runtime.Scheme) error {
	stored := []runtime.Object{&RetentionPolicy{}, &RetentionPolicyList{}, &Report{}, &ReportList{}}
	s.AddKnownTypes(SchemeGroupVersion, stored...)
	s.AddKnownTypes(schema.GroupVersion{Group: records.GroupName, Version: runtime.APIVersionInternal}, stored...)
	s.AddKnownTypes(SchemeGroupVersion, &Revision{}, &RevisionList{}, &DeletedObject{}, &DeletedObjectList{}, &Undelete{}, &SQLQuery{}, &Search{}, &Summary{}, &RetentionRun{}, &Purge{}, &HistoryVerification{})
	metav1.AddToGroupVersion(s, SchemeGroupVersion)
	for _, kind := range []string{"Revision", "DeletedObject"} {
		if err := s.AddFieldLabelConversionFunc(SchemeGroupVersion.WithKind(kind), SelectVersions); err != nil {
			return err
		}
	}
	return nil
}

// Resource qualifies a resource name with the group.
func Resource(resource string) schema.GroupResource {
	return SchemeGroupVersion.WithResource(resource).GroupResource()
}

// VersionSelectors are the fields that lists of revisions and of deleted objects can be selected by.
func VersionSelectors() []string {
	return []string{"metadata.name", "metadata.namespace", "object.kind", "object.name", "object.uid", "user", "verb"}
}

// SelectVersions returns a field selector as it is, or an error if there is none.
func SelectVersions(label, value string) (string, string, error) {
	if !slices.Contains(VersionSelectors(), label) {
		return "", "", fmt.Errorf("there is no field selector %q: use %s", label, strings.Join(VersionSelectors(), ", "))
	}
	return label, value, nil
}
