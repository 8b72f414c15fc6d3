package records

import (
	"fmt"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/mckinsey/ark-server/internal/access"
	"github.com/mckinsey/ark-server/internal/apis/ark/install"
	"github.com/mckinsey/ark-server/internal/apis/records"
	"github.com/mckinsey/ark-server/internal/apis/records/openapi"
	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/apiserver/assembly"
	"github.com/mckinsey/ark-server/internal/history"
	"github.com/mckinsey/ark-server/internal/inprocess"
)

// Group is the API group of one server. It is safe for concurrent use once it is installed.
type Group struct {
	scheme    *runtime.Scheme
	codecs    serializer.CodecFactory
	reader    history.Reader
	kinds     kinds
	rights    *rights
	transport *inprocess.Transport
	// policies serves the retention policies, nil until the group is installed. upkeep is nil without
	// a history.
	policies atomic.Pointer[policies]
	upkeep   Upkeep
	// eraser is nil if there are no data outside the history to erase.
	eraser atomic.Pointer[Eraser]
	// statements checks and lists the statements of reports; reports serves the stored reports, nil
	// until the group is installed.
	statements Statements
	reports    atomic.Pointer[reports]
}

// Erases sets the function with which purges remove data outside the history.
func (g *Group) Erases(e Eraser) { g.eraser.Store(&e) }

// New returns the group for a history. Without a history reader is nil, and why is the error for
// users, with the remedy. others are kinds with a history that are not Ark's.
func New(reader history.Reader, upkeep Upkeep, why string, statements Statements, others ...install.Kind) (*Group, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register the kinds of %s: %w", records.GroupName, err)
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	if reader == nil {
		reader = off{why}
	}
	return &Group{scheme: scheme, codecs: serializer.NewCodecFactory(scheme), reader: reader, upkeep: upkeep, statements: statements, kinds: newKinds(others)}, nil
}

// OpenAPI returns the descriptions of the kinds.
func (g *Group) OpenAPI() assembly.OpenAPISource {
	return assembly.OpenAPISource{Scheme: install.External(g.scheme), Definitions: openapi.GetOpenAPIDefinitions}
}

// Install serves the group. rows decides which objects users may read; transport sends the writes
// that are made on behalf of users; stored has the storage options of retention policies and
// reports, in the layout that Layout returns.
func (g *Group) Install(server *genericapiserver.GenericAPIServer, rows *access.Resolver, transport *inprocess.Transport, stored generic.RESTOptionsGetter) error {
	kept, err := g.newPolicies(stored)
	if err != nil {
		return err
	}
	saved, err := g.newReports(stored)
	if err != nil {
		return err
	}
	g.rights, g.transport = &rights{access: rows, kinds: g.kinds}, transport
	version := v1alpha1.SchemeGroupVersion
	group := genericapiserver.NewDefaultAPIGroupInfo(records.GroupName, g.scheme, runtime.NewParameterCodec(g.scheme), g.codecs)
	g.policies.Store(kept)
	g.reports.Store(saved)
	group.VersionedResourcesStorageMap = map[string]map[string]rest.Storage{version.Version: {
		"revisions":               &revisions{g},
		"retentionpolicies":       kept,
		"retentionruns":           &runs{g},
		"purges":                  &purges{g},
		"historyverifications":    &verifications{g},
		"deletedobjects":          &deletedObjects{g},
		"deletedobjects/undelete": &undelete{g},
		"sqlqueries":              question{"sqlquery", func() runtime.Object { return &v1alpha1.SQLQuery{} }},
		"searches":                question{"search", func() runtime.Object { return &v1alpha1.Search{} }},
		"summaries":               question{"summary", func() runtime.Object { return &v1alpha1.Summary{} }},
		"reports":                 saved,
	}}
	if err := server.InstallAPIGroup(&group); err != nil {
		return fmt.Errorf("install %s: %w", version, err)
	}
	server.Handler.GoRestfulContainer.Filter(g.filter)
	return nil
}
