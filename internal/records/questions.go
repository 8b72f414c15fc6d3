package records

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
)

// question is a resource that supports only create, for discovery and OpenAPI. Requests do not
// reach it: a filter passes them to internal/reporting, which also answers as CSV, NDJSON and
// tables, which the standard handler cannot write.
type question struct {
	singular string
	make     func() runtime.Object
}

var (
	_ rest.Creater              = question{}
	_ rest.Scoper               = question{}
	_ rest.SingularNameProvider = question{}
)

func (q question) New() runtime.Object     { return q.make() }
func (question) Destroy()                  {}
func (question) NamespaceScoped() bool     { return true }
func (q question) GetSingularName() string { return q.singular }

// Create implements rest.Creater, for a server without the filter.
func (q question) Create(context.Context, runtime.Object, rest.ValidateObjectFunc, *metav1.CreateOptions) (runtime.Object, error) {
	return nil, apierrors.NewMethodNotSupported(v1alpha1.Resource(q.singular), "create")
}
