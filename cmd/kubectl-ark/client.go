package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/version"
)

// recordsPath is the path of the API group of histories, searches and reports.
const recordsPath = "/apis/records.ark.mckinsey.com/v1alpha1"

// config returns the configuration of kubectl's connection.
func (a *app) config() (*rest.Config, error) {
	config, err := a.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("%w: name a server with --kubeconfig, --context or KUBECONFIG", err)
	}
	config = rest.CopyConfig(config)
	config.UserAgent, config.QPS = "kubectl-ark/"+version.Ark(), -1
	return config, nil
}

func (a *app) namespace() (string, error) {
	namespace, _, err := a.flags.ToRawKubeConfigLoader().Namespace()
	return namespace, err
}

// records returns the path of a resource of the records group in the namespace.
func (a *app) records(resource ...string) (string, error) {
	namespace, err := a.namespace()
	return path.Join(append([]string{recordsPath, "namespaces", namespace}, resource...)...), err
}

// request is an API request.
type request struct {
	method, path, accept string
	parameters           map[string]string
	body                 any
}

// send returns the body of the answer, or the error of the API.
func (a *app) send(ctx context.Context, r request) ([]byte, error) {
	config, err := a.config()
	if err != nil {
		return nil, err
	}
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return nil, err
	}
	if r.method == "" {
		r.method = http.MethodGet
	}
	call := client.Verb(r.method).AbsPath(r.path).SetHeader("Accept", r.accept)
	for name, value := range r.parameters {
		if value != "" {
			call = call.Param(name, value)
		}
	}
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		contentType := "application/json"
		if r.method == http.MethodPatch {
			contentType = "application/merge-patch+json"
		}
		call = call.SetHeader("Content-Type", contentType).Body(text)
	}
	result := call.Do(ctx)
	if err := result.Error(); err != nil {
		return nil, err
	}
	return result.Raw()
}

// objects returns a client of Ark's types.
func (a *app) objects() (*objects.Client, error) {
	config, err := a.config()
	if err != nil {
		return nil, err
	}
	return objects.New(config)
}

// object is an object that an argument names.
type object struct {
	kind, resource, namespace, name string
	path                            string
}

// find resolves KIND/NAME or KIND NAME. It accepts the names of a kind that kubectl accepts.
func (a *app) find(args []string) (object, error) {
	kind, name := args[0], ""
	if len(args) == 2 {
		name = args[1]
	} else {
		kind, name, _ = strings.Cut(args[0], "/")
	}
	if kind == "" || name == "" || strings.Contains(name, "/") {
		return object{}, usage("%q names no object: use KIND/NAME, such as agent/weather", strings.Join(args, " "))
	}
	mapper, err := a.flags.ToRESTMapper()
	if err != nil {
		return object{}, err
	}
	found, err := mapper.KindFor(schema.GroupVersionResource{Group: v1alpha1.SchemeGroupVersion.Group, Resource: strings.ToLower(kind)})
	if meta.IsNoMatchError(err) {
		return object{}, fmt.Errorf("the server has no kind %s of Ark's: kubectl api-resources --api-group=%s lists them", kind, v1alpha1.SchemeGroupVersion.Group)
	}
	if err != nil {
		return object{}, err
	}
	mapping, err := mapper.RESTMapping(found.GroupKind(), found.Version)
	if err != nil {
		return object{}, err
	}
	o := object{kind: found.Kind, resource: mapping.Resource.Resource, name: name, path: path.Join("/apis", found.Group, found.Version)}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		if o.namespace, err = a.namespace(); err != nil {
			return object{}, err
		}
		o.path = path.Join(o.path, "namespaces", o.namespace)
	}
	o.path = path.Join(o.path, o.resource, name)
	return o, nil
}
