package access

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

const cases = 500

// TestStandaloneAsKubeAPIServer has a standalone ark-server and a kube-apiserver decide the same
// requests of the same users, with the same roles and bindings in both: the code, the reason and a
// refusal's text are equal. Then accounts with few rights act as others, by the rules of
// constrained impersonation.
func TestStandaloneAsKubeAPIServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cluster, err := component.StartCluster(ctx, component.ClusterOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Kill)
	if err := component.InstallCRDs(ctx, cluster.Config); err != nil {
		t.Fatal(err)
	}
	ark, err := component.StartArk(ctx, component.ArkOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ark.Stop(); err != nil {
			t.Error(err)
		}
	})
	var systems [2]decider
	var tokens [2]map[string]string
	for i, config := range []*rest.Config{cluster.Config, ark.Config} {
		config = rest.CopyConfig(config)
		config.QPS = -1
		transport, err := rest.TransportFor(config)
		if err != nil {
			t.Fatal(err)
		}
		systems[i] = decider{host: config.Host, client: &http.Client{Transport: transport}}
		e := &env{client: kubernetes.NewForConfigOrDie(config)}
		e.makeRoles(t, rand.New(rand.NewPCG(seed, 1)))
		e.grantGranters(t)
		tokens[i] = e.makeImpersonators(t)
	}
	t.Run("impersonation", func(t *testing.T) { impersonating(t, [2]*rest.Config{cluster.Config, ark.Config}, tokens) })

	random := rand.New(rand.NewPCG(seed, 2))
	var deciding errgroup.Group
	deciding.SetLimit(workers)
	answers := make([][2]decision, cases)
	requests := make([]decided, cases)
	for i := range cases {
		requests[i] = anyRequest(random)
		deciding.Go(func() (err error) {
			for n, s := range systems {
				if answers[i][n], err = s.decide(t.Context(), requests[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := deciding.Wait(); err != nil {
		t.Fatal(err)
	}
	counts := map[int]int{}
	for i, a := range answers {
		counts[a[0].Code]++
		if a[0] != a[1] {
			t.Errorf("%s: kube-apiserver %+v, ark-server %+v", requests[i], a[0], a[1])
		}
	}
	t.Logf("answers by code: %v", counts)
	if allowed := cases - counts[403]; allowed < cases/10 || counts[403] < cases/10 {
		t.Error("the requests are too much the same")
	}
}

// grantGranters lets two users make roles and bindings, one of them with more than they have
// themselves.
func (e *env) grantGranters(t *testing.T) {
	t.Helper()
	for name, verbs := range map[string][]string{"user-1": {"create"}, "user-2": {"create", "escalate", "bind"}} {
		meta := metav1.ObjectMeta{Name: "granter-" + name}
		rule := rbacv1.PolicyRule{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"roles", "rolebindings", "clusterroles"}, Verbs: verbs}
		if _, err := e.client.RbacV1().ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{rule}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		binding := &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}}}
		if _, err := e.client.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	e.bind(t, "granted", "granted", e.namespaces[0], false)
	e.await(t, &user.DefaultInfo{Name: "granted"}, agents, e.namespaces[0], true)
}

// decided is a request of a user.
type decided struct {
	user, method, path string
	groups             []string
	// by is the account that impersonates the user, instead of the admin, and extra a header more.
	by, extra string
	body      any
}

func (r decided) String() string {
	text := fmt.Sprintf("%s of %s %v", r.method+" "+r.path, r.user, r.groups)
	if r.by != "" {
		text += fmt.Sprintf(" %s by %s", r.extra, r.by)
	}
	return text
}

// decision is what the client gets to know of the answer.
type decision struct {
	Code   int
	Reason metav1.StatusReason
	// Message is that of a refusal. Others quote what the two systems have in different words.
	Message string
}

// anyRequest reads, changes or deletes something, which may not be there, or grants rights. Writes
// are dry runs.
func anyRequest(random *rand.Rand) decided {
	r := decided{user: fmt.Sprint("user-", random.IntN(60)), groups: []string{fmt.Sprint("team-", random.IntN(40))}}
	if random.IntN(12) == 0 {
		r.groups = append(r.groups, "system:serviceaccounts:team-"+fmt.Sprint(random.IntN(10)))
	}
	if random.IntN(40) == 0 {
		r.groups = append(r.groups, "system:masters")
	}
	namespace := fmt.Sprint("team-", random.IntN(10))
	if random.IntN(8) == 0 {
		return r.granting(random, namespace)
	}
	in := "/namespaces/" + namespace
	if random.IntN(6) == 0 {
		in = ""
	}
	collection := one(random, "/apis/ark.mckinsey.com/v1alpha1"+in+"/agents", "/apis/ark.mckinsey.com/v1alpha1"+in+"/models",
		"/apis/ark.mckinsey.com/v1alpha1"+in+"/agents", "/api/v1"+in+"/configmaps", "/api/v1"+in+"/secrets", "/apis/rbac.authorization.k8s.io/v1"+in+"/roles")
	object := collection + "/" + one(random, names...)
	if in == "" {
		r.method, r.path = http.MethodGet, collection
		return r
	}
	switch random.IntN(8) {
	case 0, 1:
		r.method, r.path = http.MethodGet, collection+"?limit=1"
	case 2:
		r.method, r.path = http.MethodGet, collection+"?limit=1&fieldSelector=metadata.name%3D"+one(random, names...)
	case 3, 4:
		r.method, r.path = http.MethodGet, object
	case 5:
		r.method, r.path = http.MethodDelete, object+"?dryRun=All"
	case 6:
		r.method, r.path = http.MethodDelete, collection+"?dryRun=All"
	default:
		r.method, r.path = http.MethodGet, one(random, "/api/v1", "/version", "/metrics", "/openapi/v3", "/healthz", "/logs/", "/apis/ark.mckinsey.com")
	}
	return r
}

// granting makes a role or binds one, with rights that the user may not have.
func (r decided) granting(random *rand.Rand, namespace string) decided {
	r.user = one(random, "user-1", "user-2", r.user)
	r.method = http.MethodPost
	const group = "/apis/rbac.authorization.k8s.io/v1"
	meta := metav1.ObjectMeta{Name: "granted-by-" + r.user}
	switch random.IntN(3) {
	case 0:
		r.path = group + "/namespaces/" + namespace + "/roles?dryRun=All"
		r.body = &rbacv1.Role{TypeMeta: metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "Role"}, ObjectMeta: meta, Rules: rules(random)}
	case 1:
		r.path = group + "/clusterroles?dryRun=All"
		r.body = &rbacv1.ClusterRole{TypeMeta: metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole"}, ObjectMeta: meta, Rules: rules(random)}
	default:
		r.path = group + "/namespaces/" + namespace + "/rolebindings?dryRun=All"
		r.body = &rbacv1.RoleBinding{TypeMeta: metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "RoleBinding"}, ObjectMeta: meta,
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: one(random, "system:aggregate-to-view", "cluster-admin", "wide-1", "wide-2", "wide-3", "missing")},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: r.user}}}
	}
	return r
}

// decider is one of the two.
type decider struct {
	host   string
	client *http.Client
	// tokens are those of accounts; without one the client's own credentials count.
	tokens map[string]string
}

func (d decider) decide(ctx context.Context, r decided) (decision, error) {
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return decision{}, err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, r.method, d.host+r.path, body)
	if err != nil {
		return decision{}, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Impersonate-User", r.user)
	for _, group := range r.groups {
		request.Header.Add("Impersonate-Group", group)
	}
	if r.by != "" {
		request.Header.Set("Authorization", "Bearer "+d.tokens[r.by])
	}
	if name, value, found := strings.Cut(r.extra, ": "); found {
		request.Header.Set(name, value)
	}
	response, err := d.client.Do(request)
	if err != nil {
		return decision{}, err
	}
	defer response.Body.Close()
	made := decision{Code: response.StatusCode}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return decision{}, err
	}
	var status metav1.Status
	if made.Code >= 300 && json.Unmarshal(text, &status) == nil {
		made.Reason = status.Reason
		if made.Code == http.StatusForbidden {
			made.Message = status.Message
		}
	}
	return made, nil
}
