package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/mckinsey/ark-server/internal/apis/ark"
	"github.com/mckinsey/ark-server/internal/version"
)

// Kube is a server of the Ark API, a cluster's or another ark-server, reached over HTTPS. As a
// Source it must not be used by two at once.
type Kube struct {
	client *rest.RESTClient
	kinds  *kinds
	host   string
	id     string
	served map[string]bool
	// standalone reports whether it is an ark-server without a cluster, whose core kinds are served
	// too.
	standalone bool
	// backend is the Service that serves the group in a cluster, or empty where the cluster does so
	// itself.
	backend string
	// newest is the greatest resourceVersion that a list had.
	newest int64
}

var _ Source = &Kube{}

// OpenKube connects to the server that a kubeconfig's context names, the current one if context is
// empty, and looks which Ark kinds it serves.
func OpenKube(ctx context.Context, file, context string) (*Kube, error) {
	config, err := loadConfig(file, context)
	if err != nil {
		return nil, err
	}
	return NewKube(ctx, config)
}

func loadConfig(file, context string) (*rest.Config, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	raw, err := clientcmd.LoadFromFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	name := context
	if name == "" {
		name = raw.CurrentContext
	}
	if _, ok := raw.Contexts[name]; !ok {
		return nil, noContext(name, raw)
	}
	// Relative paths in the file are relative to its folder.
	loader := &clientcmd.ClientConfigLoadingRules{ExplicitPath: file}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(loader, &clientcmd.ConfigOverrides{CurrentContext: context}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	return config, nil
}

// NoContextError is OpenKube's answer where neither its argument nor the kubeconfig chooses a
// context.
type NoContextError struct {
	// Known are the contexts that there are.
	Known []string
}

func (e *NoContextError) Error() string {
	return "the kubeconfig has no current context: choose one of " + strings.Join(e.Known, ", ")
}

func noContext(name string, raw *clientcmdapi.Config) error {
	known := slices.Sorted(maps.Keys(raw.Contexts))
	switch {
	case len(known) == 0:
		return errors.New("the kubeconfig has no context: write one with kubectl config, or name another file")
	case name == "":
		return &NoContextError{known}
	}
	return fmt.Errorf("the kubeconfig has no context %q: it has %s", name, strings.Join(known, ", "))
}

// NewKube is OpenKube with the configuration at hand.
func NewKube(ctx context.Context, config *rest.Config) (*Kube, error) {
	all, err := newKinds()
	if err != nil {
		return nil, err
	}
	c := rest.CopyConfig(config)
	c.QPS = -1 // the server limits by itself
	c.UserAgent = version.UserAgent()
	c.GroupVersion, c.NegotiatedSerializer = &schema.GroupVersion{}, serializer.NewCodecFactory(statusScheme()).WithoutConversion()
	c.ContentType, c.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	client, err := rest.RESTClientFor(c)
	if err != nil {
		return nil, fmt.Errorf("set up a client for %s: %w", config.Host, err)
	}
	k := &Kube{client: client, kinds: all, host: config.Host, served: map[string]bool{}}
	if err := k.discover(ctx); err != nil {
		return nil, err
	}
	k.identify(ctx)
	return k, k.discoverCore(ctx)
}

// discoverCore finds out whether it is a standalone ark-server: that has the core group, but no
// pods, and no APIServices.
func (k *Kube) discoverCore(ctx context.Context) error {
	text, err := raw(ctx, k.client.Get().AbsPath("/api/v1"))
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return k.explain(err, "ask which kinds of v1 there are")
	}
	var resources struct {
		Resources []struct {
			Name string `json:"name"`
		} `json:"resources"`
	}
	if err := json.Unmarshal(text, &resources); err != nil {
		return fmt.Errorf("%s: read which kinds of v1 there are: %w", k.host, err)
	}
	has := map[string]bool{}
	for _, r := range resources.Resources {
		has[r.Name] = true
	}
	if has["pods"] || has["nodes"] || k.backend != "" || !has[namespaces] || !has[secrets] {
		return nil
	}
	k.standalone = true
	for _, resource := range coreResources {
		k.served[resource] = has[resource]
	}
	return nil
}

// Standalone reports whether it is an ark-server that runs without a cluster, whose Namespaces,
// ConfigMaps and Secrets are moved too.
func (k *Kube) Standalone() bool { return k.standalone }

// statusScheme knows what a server refuses requests with; everything else is text here.
func statusScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return scheme
}

// discover finds out which kinds are served.
func (k *Kube) discover(ctx context.Context) error {
	group, err := raw(ctx, k.client.Get().AbsPath("/apis/"+ark.GroupName))
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%s does not serve %s: it has neither Ark's CRDs nor an ark-server", k.host, ark.GroupName)
	case err != nil:
		return k.explain(err, "ask which versions of "+ark.GroupName+" there are")
	}
	var versions struct {
		Versions []struct {
			Version string `json:"version"`
		} `json:"versions"`
	}
	if err := json.Unmarshal(group, &versions); err != nil {
		return fmt.Errorf("%s: read which versions of %s there are: %w", k.host, ark.GroupName, err)
	}
	for _, v := range versions.Versions {
		text, err := raw(ctx, k.client.Get().AbsPath("/apis/"+ark.GroupName+"/"+v.Version))
		if err != nil {
			return k.explain(err, "ask which kinds of "+ark.GroupName+"/"+v.Version+" there are")
		}
		var resources struct {
			Resources []struct {
				Name string `json:"name"`
			} `json:"resources"`
		}
		if err := json.Unmarshal(text, &resources); err != nil {
			return fmt.Errorf("%s: read which kinds of %s/%s there are: %w", k.host, ark.GroupName, v.Version, err)
		}
		for _, kind := range k.kinds.ark {
			for _, r := range resources.Resources {
				if kind.GroupVersion.Version == v.Version && kind.Plural == r.Name {
					k.served[kind.Plural] = true
				}
			}
		}
	}
	if len(k.served) == 0 {
		return fmt.Errorf("%s serves %s, but no kind of it that this ark-server knows", k.host, ark.GroupName)
	}
	return nil
}

// identify finds out which cluster it is, and who serves the group there. A user who may not ask
// gets a name that depends on the address.
func (k *Kube) identify(ctx context.Context) {
	k.id = "server " + k.host
	var namespace struct {
		Metadata identity `json:"metadata"`
	}
	if text, err := raw(ctx, k.client.Get().AbsPath("/api/v1/namespaces/kube-system")); err == nil &&
		json.Unmarshal(text, &namespace) == nil && namespace.Metadata.UID != "" {
		k.id = "cluster " + namespace.Metadata.UID
	}
	var service struct {
		Spec struct {
			Service *struct{ Namespace, Name string } `json:"service"`
		} `json:"spec"`
	}
	if text, err := raw(ctx, k.client.Get().AbsPath("/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1."+ark.GroupName)); err == nil &&
		json.Unmarshal(text, &service) == nil && service.Spec.Service != nil {
		k.backend = service.Spec.Service.Namespace + "/" + service.Spec.Service.Name
	}
}

// ID implements Source.
func (k *Kube) ID() string { return k.id }

// String names the server in messages.
func (k *Kube) String() string { return k.host }

// Backend is the Service, as namespace/name, that serves the Ark API in the cluster instead of its
// CRDs; empty if it is not known to be one.
func (k *Kube) Backend() string { return k.backend }

// Revision is the greatest resourceVersion that its lists had so far; 0 where they are no numbers.
func (k *Kube) Revision() int64 { return k.newest }

// Serves implements Source.
func (k *Kube) Serves(plural string) bool { return k.served[plural] }

// Objects implements Source: each kind in pages, as of one moment.
func (k *Kube) Objects(ctx context.Context, batch func([]Item) error) error {
	return k.objects(ctx, k.kinds.ordered, batch)
}

func (k *Kube) objects(ctx context.Context, kinds []*kind, batch func([]Item) error) error {
	for _, kind := range kinds {
		if !k.served[kind.Plural] {
			continue
		}
		// A list takes longer than the server keeps its moment: begin again. What came already is looked
		// at again.
		for try := 0; ; try++ {
			err := k.list(ctx, kind, batch)
			if apierrors.IsResourceExpired(err) && try < 10 {
				continue
			}
			if err != nil {
				return err
			}
			break
		}
	}
	return nil
}

func (k *Kube) list(ctx context.Context, kind *kind, batch func([]Item) error) error {
	next := ""
	pages := newPages()
	for {
		text, err := k.listPage(ctx, kind, &pages, next)
		if errors.Is(err, errPageTooLarge) && pages.shrink() {
			continue
		}
		if err != nil {
			return k.explain(err, "list "+kind.Resource().String())
		}
		var page struct {
			Metadata struct {
				Continue        string `json:"continue"`
				ResourceVersion string `json:"resourceVersion"`
			} `json:"metadata"`
			Items []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(text, &page); err != nil {
			return fmt.Errorf("%s: read the list of %s: %w", k.host, kind.Resource(), err)
		}
		if revision, err := strconv.ParseInt(page.Metadata.ResourceVersion, 10, 64); err == nil {
			k.newest = max(k.newest, revision)
		}
		items := make([]Item, len(page.Items))
		largest := 0
		for i, item := range page.Items {
			largest = max(largest, len(item))
			items[i] = Item{Text: withKind(item, kind.GroupVersion.String(), kind.Name)}
		}
		if err := batch(items); err != nil {
			return err
		}
		if next = page.Metadata.Continue; next == "" {
			return nil
		}
		pages.read(largest)
	}
}

// listPage reads one page of a list. A server sends large ones piece by piece, so what is too much
// is not read.
func (k *Kube) listPage(ctx context.Context, kind *kind, pages *pages, next string) ([]byte, error) {
	body, err := k.client.Get().AbsPath(collection(kind)).Param("limit", fmt.Sprint(pages.limit)).Param("continue", next).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return pages.body(body)
}

// collection is the path of all objects of a kind.
func collection(k *kind) string {
	if k.core {
		return "/api/v1/" + k.Plural
	}
	return "/apis/" + k.GroupVersion.String() + "/" + k.Plural
}

// withKind puts the kind into an item of a list, which some servers leave out there.
func withKind(item []byte, apiVersion, kind string) []byte {
	var has struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if json.Unmarshal(item, &has) != nil || has.Kind != "" || has.APIVersion != "" || len(item) < 2 {
		return item
	}
	return fmt.Appendf(nil, `{"apiVersion":%q,"kind":%q,%s`, apiVersion, kind, item[1:])
}

// raw sends a request, and returns the answer's text or what the server says it refuses the request
// for.
func raw(ctx context.Context, request *rest.Request) ([]byte, error) {
	result := request.Do(ctx)
	if err := result.Error(); err != nil {
		return nil, err
	}
	return result.Raw()
}

// explain puts a server's refusal into the user's terms.
func (k *Kube) explain(err error, what string) error {
	switch {
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%s: %s: the user of the kubeconfig may not: %w", k.host, what, err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%s: %s: the server does not know the user of the kubeconfig: %w", k.host, what, err)
	case apierrors.IsServiceUnavailable(err):
		return fmt.Errorf("%s: %s: the API is registered, but its server does not answer (kubectl get apiservices): %w", k.host, what, err)
	}
	return fmt.Errorf("%s: %s: %w", k.host, what, err)
}
