package plane

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// apiServerAlias is where one of Ark's own tests looks for its aggregated API server.
const apiServerAlias = "ark-apiserver.ark-system.svc.cluster.local"

// TestTools: what Ark's command line, API, controller and development scripts ask a cluster, by the
// command or the call with which they ask.
func TestTools(t *testing.T) {
	p := start(t, component.ArkOptions{Args: []string{"--tls-san=" + apiServerAlias}})
	t.Run("status", p.toolsStatus)
	t.Run("definitions", p.toolsDefinitions)
	t.Run("reviews", p.toolsReviews)
	t.Run("metrics_filter", p.toolsMetricsFilter)
	t.Run("events", p.toolsEvents)
	t.Run("services", p.toolsServices)
	t.Run("alias", p.toolsAlias)
	t.Run("export_import", p.toolsExportImport)
}

// toolsStatus: `ark status` and `ark install` tell by exit codes, and by "not found", how Ark is
// installed.
func (p *plane) toolsStatus(t *testing.T) {
	p.run(t, "", "get", "crd", "agents.ark.mckinsey.com")
	p.run(t, "", "get", "apiservice", "v1alpha1.ark.mckinsey.com")
	for _, version := range []string{"v1alpha1", "v1prealpha1"} {
		p.run(t, "", "wait", "--for=condition=Available", "apiservice/"+version+".ark.mckinsey.com", "--timeout=60s")
	}
	if text := p.run(t, "", "api-resources", "--api-group=ark.mckinsey.com", "-o", "name"); !strings.Contains(text, "agents.") {
		t.Errorf("api-resources: %s", text)
	}
	for _, absent := range [][]string{{"crd", "nothings.ark.mckinsey.com"}, {"apiservice", "v1.nothing.mckinsey.com"}} {
		if r := p.try(t, "", append([]string{"get"}, absent...)...); r.Code != 1 || !strings.Contains(r.Stderr, "not found") {
			t.Errorf("get %v: %+v", absent, r)
		}
	}
	// There is no Deployment and no release of Ark's own API server.
	if r := p.try(t, "", "get", "deployment", "ark-apiserver", "-n", "ark-system"); r.Code != 1 || !strings.Contains(r.Stderr, `the server doesn't have a resource type "deployment"`) {
		t.Errorf("get deployment: %+v", r)
	}
	helm, err := component.NewHelm(p.server.Kubeconfig, t.TempDir())
	ok(t, "find helm", err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if r, err := helm.Run(ctx, "list", "-n", "ark-system", "-q"); err != nil || r.Code != 0 || strings.TrimSpace(r.Stdout) != "" {
		t.Errorf("helm list: %+v, %v", r, err)
	}
	if r, err := helm.Run(ctx, "status", "ark-apiserver", "-n", "ark-system"); err != nil || r.Code == 0 || !strings.Contains(r.Stderr, "not found") {
		t.Errorf("helm status: %+v, %v", r, err)
	}
}

// toolsDefinitions: scripts wait for the definitions, an agent reads their schemas, clean-up would
// delete them.
func (p *plane) toolsDefinitions(t *testing.T) {
	p.run(t, "", "wait", "--for=condition=Established", "crd/tools.ark.mckinsey.com", "--timeout=60s")
	for _, s := range registrytest.Samples() {
		name := s.Plural + ".ark.mckinsey.com"
		var definition struct {
			Spec struct {
				Group, Scope string
				Names        struct{ Kind, Plural string }
				Versions     []struct {
					Name            string
					Served, Storage bool
					Schema          struct {
						OpenAPIV3Schema struct {
							Type       string
							Properties map[string]any
						}
					}
				}
			}
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
		if err := yaml.Unmarshal([]byte(p.run(t, "", "get", "crd", name, "-o", "yaml")), &definition); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		spec := definition.Spec
		if spec.Group != "ark.mckinsey.com" || spec.Names.Kind != s.Kind || spec.Names.Plural != s.Plural || (spec.Scope == "Cluster") != s.ClusterScoped ||
			len(spec.Versions) != 1 || spec.Versions[0].Name != s.Version || !spec.Versions[0].Served || spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"] == nil {
			t.Errorf("%s: %+v", name, definition)
		}
	}
	names := strings.Fields(p.run(t, "", "get", "crd", "-o", "name"))
	if len(names) != len(registrytest.Samples()) {
		t.Errorf("the definitions are %v", names)
	}
	if r := p.try(t, "", append([]string{"delete"}, names...)...); r.Code == 0 || !strings.Contains(r.Stderr, "does not allow this method") {
		t.Errorf("delete them: %+v", r)
	}
	// kubectl lists the definitions where a kind may be new to it, as a user who may not read them,
	// too.
	namespace := p.namespace(t)
	p.run(t, "", "-n", namespace, "create", "rolebinding", "editors", "--clusterrole=edit", "--user=ed")
	soon(t, "the user may create", func(context.Context) error {
		r := p.try(t, "apiVersion: ark.mckinsey.com/v1alpha1\nkind: Query\nmetadata: {name: one}\nspec: {input: Why, selector: {}}\n", "-n", namespace, "--as=ed", "apply", "-f", "-")
		if r.Code != 0 || strings.Contains(r.Stderr, "CRDs") {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
}

// account makes a service account with a token, and what it may do.
func (p *plane) account(t *testing.T, namespace, name string, rules ...rbacv1.PolicyRule) (kubernetes.Interface, string) {
	t.Helper()
	ctx, meta := t.Context(), metav1.ObjectMeta{Name: name, Namespace: namespace}
	_, err := p.core.CoreV1().ServiceAccounts(namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	ok(t, "create a service account", err)
	if rules != nil {
		_, err = p.core.RbacV1().Roles(namespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
		ok(t, "create a role", err)
		_, err = p.core.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{ObjectMeta: meta,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}, Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: namespace}}}, metav1.CreateOptions{})
		ok(t, "bind a role", err)
	}
	made, err := p.core.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	ok(t, "create a token", err)
	return p.token(t, made.Status.Token), made.Status.Token
}

// toolsReviews: ark-api asks what it may do, once by rules and once by access, with its own account
// and as a user whom it impersonates.
func (p *plane) toolsReviews(t *testing.T) {
	namespace := p.namespace(t)
	client, _ := p.account(t, namespace, "ark-api",
		rbacv1.PolicyRule{APIGroups: []string{"ark.mckinsey.com"}, Resources: []string{"agents", "queries"}, Verbs: []string{"get", "list", "watch", "create", "update", "patch", "delete"}},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "list"}, ResourceNames: []string{"token"}})
	access := func(ctx context.Context, of kubernetes.Interface, a authorizationv1.ResourceAttributes) (bool, error) {
		answer, err := of.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &a}}, metav1.CreateOptions{})
		if err != nil {
			return false, err
		}
		return answer.Status.Allowed, nil
	}
	soon(t, "the role counts", func(ctx context.Context) error {
		allowed, err := access(ctx, client, authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "list", Group: "ark.mckinsey.com", Resource: "agents"})
		if err == nil && !allowed {
			err = errors.New("it may not list agents")
		}
		return err
	})
	for _, a := range []authorizationv1.ResourceAttributes{
		{Namespace: namespace, Verb: "list", Group: "ark.mckinsey.com", Resource: "models"},
		{Namespace: "default", Verb: "list", Group: "ark.mckinsey.com", Resource: "agents"},
		{Namespace: namespace, Verb: "get", Resource: "secrets", Name: "another"},
		{Namespace: namespace, Verb: "patch", Group: "ark.mckinsey.com", Resource: "queries", Subresource: "status"},
	} {
		if allowed, err := access(t.Context(), client, a); err != nil || allowed {
			t.Errorf("%+v: %t, %v", a, allowed, err)
		}
	}
	if allowed, err := access(t.Context(), client, authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "get", Resource: "secrets", Name: "token"}); err != nil || !allowed {
		t.Errorf("the secret of its own: %t, %v", allowed, err)
	}
	rules, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(t.Context(), &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}, metav1.CreateOptions{})
	ok(t, "ask for the rules", err)
	text := fmt.Sprint(rules.Status.ResourceRules)
	if rules.Status.Incomplete || rules.Status.EvaluationError != "" || !strings.Contains(text, "[ark.mckinsey.com] [agents queries]") || !strings.Contains(text, "[secrets] [token]") {
		t.Errorf("the rules are %+v", rules.Status)
	}
	// As an impersonated user, who is nobody.
	if allowed, err := access(t.Context(), p.as(t, "dashboard-user", "team"), authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "list", Group: "ark.mckinsey.com", Resource: "agents"}); err != nil || allowed {
		t.Errorf("an impersonated user: %t, %v", allowed, err)
	}
}

// toolsMetricsFilter: the controller's metrics ask whose token it is, and whether that user may
// read /metrics.
func (p *plane) toolsMetricsFilter(t *testing.T) {
	namespace := p.namespace(t)
	controller, _ := p.account(t, namespace, "ark-controller")
	_, scraper := p.account(t, namespace, "scraper")
	ctx := t.Context()
	bind := func(name, role, account string) {
		t.Helper()
		_, err := p.core.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: namespace + name},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}, Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: namespace}}}, metav1.CreateOptions{})
		ok(t, "bind "+role, err)
	}
	bind("-delegator", "system:auth-delegator", "ark-controller")
	_, err := p.core.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: namespace + "-metrics"}, Rules: []rbacv1.PolicyRule{{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}}}, metav1.CreateOptions{})
	ok(t, "create a role", err)
	bind("-metrics", namespace+"-metrics", "scraper")
	review := func(ctx context.Context, token string) (*authenticationv1.TokenReview, error) {
		return controller.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}, metav1.CreateOptions{})
	}
	may := func(ctx context.Context, who authenticationv1.UserInfo, path string) (bool, error) {
		answer, err := controller.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: who.Username, UID: who.UID, Groups: who.Groups, NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: path, Verb: "get"},
		}}, metav1.CreateOptions{})
		if err != nil {
			return false, err
		}
		return answer.Status.Allowed, nil
	}
	var who authenticationv1.UserInfo
	soon(t, "the scraper may read the metrics", func(ctx context.Context) error {
		known, err := review(ctx, scraper)
		if err != nil {
			return err
		}
		who = known.Status.User
		if !known.Status.Authenticated || who.Username != "system:serviceaccount:"+namespace+":scraper" {
			return fmt.Errorf("it is %+v", known.Status)
		}
		allowed, err := may(ctx, who, "/metrics")
		if err == nil && !allowed {
			err = errors.New("it may not")
		}
		return err
	})
	if allowed, err := may(ctx, who, "/debug/pprof"); err != nil || allowed {
		t.Errorf("another path: %t, %v", allowed, err)
	}
	if known, err := review(ctx, scraper+"x"); err != nil || known.Status.Authenticated {
		t.Errorf("a token that is wrong: %+v, %v", known, err)
	}
	// Who reviews must be allowed to.
	if _, err := p.as(t, "nobody").AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: scraper}}, metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("a review by nobody: %v", err)
	}
}

// toolsEvents: the controller records events by client-go's broadcaster; fark, the command line and
// the dashboard read them.
func (p *plane) toolsEvents(t *testing.T) {
	namespace := p.namespace(t)
	query := newQuery(namespace, "asked", nil)
	query, err := p.of(query).Create(t.Context(), query, metav1.CreateOptions{})
	ok(t, "create a query", err)
	broadcaster := record.NewBroadcaster(record.WithContext(t.Context()))
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: p.core.CoreV1().Events("")})
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "ark-controller"})
	recorder.AnnotatedEventf(query, map[string]string{"ark.mckinsey.com/event-data": `{"sessionId":"s"}`}, corev1.EventTypeNormal, "QueryExecutionStart", "Query started")
	for range 3 { // which becomes one event with a count, by patches
		recorder.Event(query, corev1.EventTypeWarning, "QueryExecutionError", "the model does not answer")
	}
	soon(t, "the events arrive", func(ctx context.Context) error {
		list, err := p.core.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.kind=Query,involvedObject.name=asked"})
		if err != nil {
			return err
		}
		found := map[string]corev1.Event{}
		for _, event := range list.Items {
			found[event.Reason] = event
		}
		if len(list.Items) != 2 || found["QueryExecutionStart"].Annotations["ark.mckinsey.com/event-data"] == "" || found["QueryExecutionError"].Count != 3 {
			return fmt.Errorf("the events are %v", list.Items)
		}
		return nil
	})
	if text := p.run(t, "", "-n", namespace, "get", "events", "--sort-by=.lastTimestamp"); !strings.Contains(text, "query/asked") || !strings.Contains(text, "the model does not answer") {
		t.Errorf("kubectl get events: %s", text)
	}
	if text := p.run(t, "", "-n", namespace, "describe", "query", "asked"); !strings.Contains(text, "QueryExecutionError") {
		t.Errorf("kubectl describe: %s", text)
	}
	// The controller's account may write events of its namespaces by the rights that it has in a
	// cluster.
	client, _ := p.account(t, namespace, "recorder", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"create", "list", "patch", "watch"}})
	soon(t, "the account writes an event", func(ctx context.Context) error {
		_, err := client.CoreV1().Events(namespace).Create(ctx, &corev1.Event{ObjectMeta: metav1.ObjectMeta{GenerateName: "asked."},
			InvolvedObject: corev1.ObjectReference{Kind: "Query", Namespace: namespace, Name: "asked"}, Reason: "Done", Type: corev1.EventTypeNormal}, metav1.CreateOptions{})
		return err
	})
}

// toolsServices: what a serviceRef leads to is a Service with a named port, which is read and
// watched.
func (p *plane) toolsServices(t *testing.T) {
	namespace := p.namespace(t)
	factory := informers.NewSharedInformerFactoryWithOptions(p.core, 0, informers.WithNamespace(namespace))
	services := factory.Core().V1().Services()
	known := services.Informer()
	ctx, stop := context.WithCancel(t.Context())
	defer factory.Shutdown()
	defer stop()
	factory.Start(ctx.Done())
	synced, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if !cache.WaitForCacheSync(synced.Done(), known.HasSynced) {
		t.Fatal("the informer of services does not sync")
	}
	for _, o := range manifests(t, `{apiVersion: v1, kind: Service, metadata: {name: ark-broker}, spec: {ports: [{name: http, port: 80, targetPort: 8080}]}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: ark-config-streaming}, data: {enabled: "true", serviceRef: "name: ark-broker\nport: http\n"}}`) {
		o.SetNamespace(namespace)
		_, err := p.of(o).Create(t.Context(), o, metav1.CreateOptions{})
		ok(t, "create "+o.GetKind(), err)
	}
	config, err := p.core.CoreV1().ConfigMaps(namespace).Get(t.Context(), "ark-config-streaming", metav1.GetOptions{})
	ok(t, "read the configuration", err)
	var ref struct{ Name, Port string }
	ok(t, "read the reference", yaml.UnmarshalStrict([]byte(config.Data["serviceRef"]), &ref))
	soon(t, "the reference leads to an address", func(context.Context) error {
		service, err := services.Lister().Services(namespace).Get(ref.Name)
		if err != nil {
			return err
		}
		for _, port := range service.Spec.Ports {
			if port.Name == ref.Port && port.Port == 80 {
				return nil
			}
		}
		return fmt.Errorf("the service has the ports %v", service.Spec.Ports)
	})
}

// toolsAlias: one of Ark's tests calls the API at a name, which a Service and --tls-san give to
// this server.
func (p *plane) toolsAlias(t *testing.T) {
	p.run(t, "", "create", "namespace", "ark-system")
	p.run(t, "", "-n", "ark-system", "create", "service", "externalname", "ark-apiserver", "--external-name=localhost", "--tcp=6443:6443")
	if text := p.run(t, "", "-n", "ark-system", "get", "service", "ark-apiserver"); !strings.Contains(text, "ExternalName") {
		t.Errorf("the service: %s", text)
	}
	address := strings.TrimPrefix(p.config.Host, "https://")
	config, err := rest.TLSConfigFor(p.config)
	ok(t, "read the certificates", err)
	// There is no DNS for services: the connection goes where the name would lead.
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: config.RootCAs, MinVersion: tls.VersionTLS12}, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	response, err := client.Get("https://" + apiServerAlias + ":6443/healthz")
	ok(t, "ask at the alias", err)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("at the alias: %s", response.Status)
	}
}

// toolsExportImport: what `ark export` writes comes back by `ark import`, with a uid, a
// resourceVersion and a creationTimestamp in it.
func (p *plane) toolsExportImport(t *testing.T) {
	namespace := p.namespace(t)
	var kinds []string
	for _, s := range registrytest.Samples() {
		if s.ClusterScoped {
			continue
		}
		for _, content := range append(s.NeededObjects(namespace), s.Object(namespace, "exported")) {
			o := &unstructured.Unstructured{Object: content}
			if _, err := p.of(o).Create(t.Context(), o, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
				t.Fatalf("create %s %s: %v", o.GetKind(), o.GetName(), err)
			}
		}
		kinds = append(kinds, s.Plural+".ark.mckinsey.com")
	}
	all := strings.Join(kinds, ",")
	for _, verb := range []string{"create", "apply"} {
		exported := p.run(t, "", "-n", namespace, "get", all, "-o", "yaml")
		for _, part := range []string{"uid: ", "resourceVersion: ", "creationTimestamp: "} {
			if !strings.Contains(exported, part) {
				t.Fatalf("no %sin\n%s", part, exported)
			}
		}
		before := p.contents(t, namespace, all)
		p.run(t, "", "-n", namespace, "delete", all, "--all")
		p.run(t, exported, verb, "-f", "-")
		if after := p.contents(t, namespace, all); after != before {
			t.Errorf("after kubectl %s\n%s\nbefore\n%s", verb, after, before)
		}
		// A second import of the same is refused by create, and changes nothing by apply.
		again := p.try(t, p.run(t, "", "-n", namespace, "get", all, "-o", "yaml"), verb, "-f", "-")
		if verb == "create" && (again.Code == 0 || !strings.Contains(again.Stderr, "AlreadyExists")) || verb == "apply" && again.Code != 0 {
			t.Errorf("kubectl %s again: %+v", verb, again)
		}
		if after := p.contents(t, namespace, all); after != before {
			t.Errorf("after kubectl %s again\n%s\nbefore\n%s", verb, after, before)
		}
	}
}

// contents are the names and specs of all objects of some kinds.
func (p *plane) contents(t *testing.T, namespace, kinds string) string {
	t.Helper()
	return p.run(t, "", "-n", namespace, "get", kinds, "-o", `jsonpath={range .items[*]}{.kind} {.metadata.name} {.spec}{"\n"}{end}`)
}
