package component

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// The names under which ark-server is installed, as in deploy/.
const (
	ArkNamespace = "ark-system"
	ArkService   = "ark-server"
	ArkAccount   = "ark-server"
)

// arkGroup is the API group. arkVersions are its versions; each has an APIService. recordsGroup has
// an APIService for recordsVersion.
const (
	arkGroup       = "ark.mckinsey.com"
	recordsGroup   = "records.ark.mckinsey.com"
	recordsVersion = "v1alpha1"
)

var arkVersions = []string{"v1alpha1", "v1prealpha1"}

// Hosting is the setup for ark-server in a cluster with endpoint routing: its namespace, an account
// with exactly the permissions that the chart grants, a serving certificate, and, once registered,
// the Service and the APIServices that lead to its replicas.
//
// Without nodes there is no kubelet to watch the replicas' readiness: the caller that starts and
// stops replicas uses SetReady to select which of them receive requests.
type Hosting struct {
	Cluster *Cluster
	// CA signed Serving.
	CA      *Authority
	Serving Pair
	// Kubeconfig has that account.
	Kubeconfig string

	kubectl *Kubectl
	client  *rest.RESTClient
}

// Host prepares a cluster for a release with the given values; files are written to dir.
func Host(ctx context.Context, c *Cluster, dir string, values ...string) (*Hosting, error) {
	h := &Hosting{Cluster: c, Kubeconfig: filepath.Join(dir, "ark.kubeconfig")}
	var err error
	if h.kubectl, err = NewKubectl(c.Kubeconfig, dir); err != nil {
		return nil, err
	}
	quiet := rest.CopyConfig(c.Config)
	quiet.WarningHandler = rest.NoWarnings{} // Endpoints with names instead of addresses are deprecated.
	if h.client, err = RawClient(quiet); err != nil {
		return nil, err
	}
	helm, err := NewHelm(c.Kubeconfig, dir)
	if err != nil {
		return nil, err
	}
	root, err := Root()
	if err != nil {
		return nil, err
	}
	args := []string{"template", ArkService, filepath.Join(root, "deploy", "helm", "ark-server"), "--namespace=" + ArkNamespace, "--show-only=templates/rbac.yaml"}
	for _, value := range values {
		args = append(args, "--set="+value)
	}
	rights, err := helm.Run(ctx, args...)
	if err != nil || rights.Code != 0 {
		return nil, fmt.Errorf("render the chart's rights: %s: %w", rights.Stderr, errors.Join(err, errExit(rights)))
	}
	if _, err := h.run(ctx, "", "create", "namespace", ArkNamespace); err != nil {
		return nil, err
	}
	if _, err := h.run(ctx, rights.Stdout, "apply", "-f", "-"); err != nil {
		return nil, err
	}
	token, err := h.run(ctx, "", "-n", ArkNamespace, "create", "token", ArkAccount, "--duration=4h")
	if err != nil {
		return nil, err
	}
	if err := writeKubeconfig(h.Kubeconfig, c.TokenUser(strings.TrimSpace(token)), ArkNamespace); err != nil {
		return nil, err
	}
	if h.CA, err = NewAuthority(dir, "ark-ca"); err != nil {
		return nil, err
	}
	h.Serving, err = h.CA.Serving("ark-server", fmt.Sprintf("%s.%s.svc", ArkService, ArkNamespace), "localhost")
	return h, err
}

// AdminToken creates a service account with all permissions, and returns its bearer token.
func (h *Hosting) AdminToken(ctx context.Context) (string, error) {
	const admin = "admin"
	if _, err := h.run(ctx, "", "-n", ArkNamespace, "create", "serviceaccount", admin); err != nil {
		return "", err
	}
	if _, err := h.run(ctx, "", "create", "clusterrolebinding", admin+"-of-"+ArkNamespace, "--clusterrole=cluster-admin", "--serviceaccount="+ArkNamespace+":"+admin); err != nil {
		return "", err
	}
	token, err := h.run(ctx, "", "-n", ArkNamespace, "create", "token", admin, "--duration=4h")
	return strings.TrimSpace(token), err
}

// Options returns the options of a replica.
func (h *Hosting) Options(o ArkOptions) AggregatedOptions {
	return AggregatedOptions{ArkOptions: o, Kubeconfig: h.Kubeconfig, Serving: h.Serving, CA: h.CA.PEM}
}

// apiServices returns the names of the APIServices that the chart creates.
func apiServices() []string {
	names := []string{recordsVersion + "." + recordsGroup}
	for _, version := range arkVersions {
		names = append(names, version+"."+arkGroup)
	}
	return names
}

// Register makes the aggregator send Ark's requests to the ready replicas. At first there are none.
func (h *Hosting) Register(ctx context.Context) error {
	manifest := fmt.Sprintf("{apiVersion: v1, kind: Service, metadata: {name: %s, namespace: %s}, spec: {ports: [{name: https, port: 443}]}}\n", ArkService, ArkNamespace)
	for _, name := range apiServices() {
		version, group, _ := strings.Cut(name, ".")
		manifest += fmt.Sprintf(`---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: %[1]s.%[2]s}
spec:
  group: %[2]s
  version: %[1]s
  groupPriorityMinimum: 1000
  versionPriority: 100
  caBundle: %[3]s
  service: {name: %[4]s, namespace: %[5]s, port: 443}
`, version, group, base64.StdEncoding.EncodeToString(h.CA.PEM), ArkService, ArkNamespace)
	}
	_, err := h.run(ctx, manifest, "apply", "-f", "-")
	return err
}

// SetReady sets whether the replica at a port receives requests. Each replica has a separate
// EndpointSlice, because replicas on one address differ in their ports. A slice of IP addresses
// must not contain loopback addresses; a slice of names may.
func (h *Hosting) SetReady(ctx context.Context, port int, ready bool) error {
	name := fmt.Sprintf("%s-%d", ArkService, port)
	slice := fmt.Sprintf(`{"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
"metadata": {"name": %q, "labels": {"kubernetes.io/service-name": %q}}, "addressType": "FQDN",
"endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": %t}}], "ports": [{"name": "https", "port": %d}]}`, name, ArkService, ready, port)
	err := h.client.Patch(types.ApplyPatchType).AbsPath("/apis/discovery.k8s.io/v1/namespaces", ArkNamespace, "endpointslices", name).
		Param("fieldManager", "kubelet").Body([]byte(slice)).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("note down the readiness of the replica at port %d: %w", port, err)
	}
	return nil
}

// WaitServed waits until the cluster serves the Ark kinds: they answer, and are in its discovery
// and OpenAPI.
func (h *Hosting) WaitServed(ctx context.Context) error {
	for {
		err := h.served(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the cluster to serve Ark's kinds: %w", errors.Join(ctx.Err(), err))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (h *Hosting) served(ctx context.Context) error {
	for _, name := range apiServices() {
		available, err := h.run(ctx, "", "get", "apiservice", name, "-o", `jsonpath={.status.conditions[?(@.type=="Available")].status}`)
		if err != nil || available != "True" {
			return fmt.Errorf("the APIService of %s is available: %q: %v", name, available, err) //nolint:errorlint // nil where the answer is the fault
		}
	}
	for _, version := range arkVersions {
		if _, err := h.run(ctx, "", "get", "--raw=/openapi/v3/apis/"+arkGroup+"/"+version); err != nil {
			return err
		}
	}
	// Check OpenAPI version 2, which is merged last, and discovery.
	for path, text := range map[string]string{"/openapi/v2": `"/apis/` + arkGroup + `/v1alpha1/`, "/apis": `"` + arkGroup + `"`} {
		document, err := h.run(ctx, "", "get", "--raw="+path)
		if err != nil || !strings.Contains(document, text) {
			return fmt.Errorf("%s has no %s: %v", path, text, err) //nolint:errorlint // nil where the answer is the fault
		}
	}
	names, err := h.run(ctx, "", "api-resources", "--api-group="+arkGroup, "--cached=false", "-o", "name")
	if err != nil || strings.Count(names, arkGroup) < 11 {
		return fmt.Errorf("discovered only %q: %v", names, err) //nolint:errorlint // nil where the answer is the fault
	}
	_, err = h.run(ctx, "", "get", "--raw=/apis/"+arkGroup+"/v1alpha1/agents?limit=1")
	return err
}

// run runs kubectl and returns its standard output. It returns an error if kubectl fails.
func (h *Hosting) run(ctx context.Context, stdin string, args ...string) (string, error) {
	r, err := h.kubectl.Run(ctx, stdin, args...)
	if err := errors.Join(err, errExit(r)); err != nil {
		return r.Stdout, fmt.Errorf("kubectl %v: %s: %w", args, strings.TrimSpace(r.Stderr), err)
	}
	return r.Stdout, nil
}

func errExit(r KubectlResult) error {
	if r.Code == 0 {
		return nil
	}
	return fmt.Errorf("exit code %d", r.Code)
}
