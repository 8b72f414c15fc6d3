package controllers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

func eachItem(list client.ObjectList, do func(client.Object)) error {
	return meta.EachListItem(list, func(o runtime.Object) error {
		item, ok := o.(client.Object)
		if !ok {
			return fmt.Errorf("%T is no object", o)
		}
		do(item)
		return nil
	})
}

// managerRules are those of Ark's ClusterRole ark-controller-role that the stand-in needs, in the
// shape that its chart has.
var managerRules = []rbacv1.PolicyRule{
	{APIGroups: []string{""}, Resources: []string{"configmaps", "services"}, Verbs: []string{"get", "list", "watch", "update"}},
	{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"create", "list", "patch", "watch"}},
	{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"create", "get", "list", "update", "watch"}},
	{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, ResourceNames: []string{runner}, Verbs: []string{"impersonate"}},
	{APIGroups: []string{"ark.mckinsey.com"}, Resources: []string{"a2atasks", "queries"}, Verbs: []string{"create", "delete", "get", "list", "patch", "update", "watch"}},
	{APIGroups: []string{"ark.mckinsey.com"}, Resources: []string{"agents", "tools"}, Verbs: []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}},
	{APIGroups: []string{"ark.mckinsey.com"}, Resources: []string{"queries/finalizers", "a2atasks/finalizers"}, Verbs: []string{"update"}},
	{APIGroups: []string{"ark.mckinsey.com"}, Resources: []string{"queries/status", "a2atasks/status"}, Verbs: []string{"get", "patch", "update"}},
	{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"create", "get", "update"}},
}

// managerKubeconfig makes a service account with Ark's rights, and its kubeconfig: all that a
// manager is given.
func (c *cluster) managerKubeconfig(t *testing.T) string {
	t.Helper()
	const name = "ark-controller"
	ctx, options := t.Context(), metav1.CreateOptions{}
	subject := func(account string) []rbacv1.Subject {
		return []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: workplace, Name: account}}
	}
	var errs []error
	for _, account := range []string{name, runner} {
		_, err := c.core.CoreV1().ServiceAccounts(workplace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account}}, options)
		errs = append(errs, err)
	}
	_, err := c.core.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: managerRules}, options)
	errs = append(errs, err)
	_, err = c.core.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}, Subjects: subject(name),
	}, options)
	errs = append(errs, err)
	_, err = c.core.RbacV1().Roles(workplace).Create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: runner}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{runner}, Verbs: []string{"get"}},
	}}, options)
	errs = append(errs, err)
	_, err = c.core.RbacV1().RoleBindings(workplace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: runner}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: runner}, Subjects: subject(runner),
	}, options)
	errs = append(errs, err)
	_, err = c.core.CoreV1().ConfigMaps(workplace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: runner}, Data: map[string]string{"addition": ", as asked by its runner"}}, options)
	errs = append(errs, err)
	_, err = c.core.CoreV1().Secrets(workplace).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: runner}}, options)
	errs = append(errs, err)
	token, err := c.core.CoreV1().ServiceAccounts(workplace).CreateToken(ctx, name, &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(3 * 3600))}}, options)
	if err := errors.Join(append(errs, err)...); err != nil {
		t.Fatal(err)
	}
	config := rest.CopyConfig(c.Config)
	config.BearerToken = token.Status.Token
	file := filepath.Join(t.TempDir(), "manager.kubeconfig")
	if err := component.WriteKubeconfig(file, config); err != nil {
		t.Fatal(err)
	}
	return file
}

func startManager(t *testing.T, kubeconfig string, more ...string) *component.Process {
	t.Helper()
	p, err := component.Start(component.Command{Path: os.Args[0], Name: "manager", Env: append([]string{managerEnv + "=" + kubeconfig}, more...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("a manager's log:\n%s", last(p.Stderr(), 4000))
		}
	})
	return p
}

func last(text string, n int) string { return text[max(0, len(text)-n):] }

var leadingLine = regexp.MustCompile("(?m)^" + leading + "$")

// journal has what a watch has seen of each query.
type journal struct {
	mu    sync.Mutex
	lives map[types.UID]*life
	done  int
}

type life struct {
	name  string
	phase string
	// phases that it has had, and how often it has ended.
	phases []string
	ends   int
	gone   bool
}

func (j *journal) note(e watch.Event) {
	q, ok := e.Object.(*unstructured.Unstructured)
	if !ok {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	l := j.lives[q.GetUID()]
	if l == nil {
		l = &life{name: q.GetName()}
		j.lives[q.GetUID()] = l
	}
	l.gone = l.gone || e.Type == watch.Deleted
	phase, _, _ := unstructured.NestedString(q.Object, "status", "phase")
	if phase == l.phase {
		return
	}
	l.phase = phase
	l.phases = append(l.phases, phase)
	if phase == "done" {
		l.ends++
		j.done++
	}
}

func (j *journal) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.done
}

// follow has the journal see every change of the queries, from now on.
func (c *cluster) follow(t *testing.T) *journal {
	t.Helper()
	list, err := c.objects.Resource(queries).Namespace(workplace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := watchtools.NewRetryWatcherWithContext(t.Context(), list.GetResourceVersion(), &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return c.objects.Resource(queries).Namespace(workplace).Watch(ctx, o)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	j := &journal{lives: map[types.UID]*life{}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for e := range w.ResultChan() {
			j.note(e)
		}
	}()
	t.Cleanup(func() {
		w.Stop()
		<-ended
	})
	return j
}

// TestQueries: two stand-ins for Ark's controller compete by a lease, and the one that has it is
// killed half way. Every query ends once, none is lost, and no informer is stale. The server is
// told nothing about them; they have a kubeconfig.
func TestQueries(t *testing.T) {
	n := *queriesFlag
	c := start(t)
	c.makeNamespace(t, workplace)
	kubeconfig := c.managerKubeconfig(t)
	j := c.follow(t)
	managers := []*component.Process{startManager(t, kubeconfig), startManager(t, kubeconfig)}

	began := time.Now()
	waits := map[string]bool{}
	wanted := map[string]string{}
	var all []object
	for i := range n {
		q := queryObject()
		q.SetNamespace(workplace)
		q.SetName(numbered("q", i))
		q.SetLabels(map[string]string{"remainder": fmt.Sprint(i % 10)})
		spec := map[string]any{"input": fmt.Sprint("question ", i), "target": map[string]any{"type": "agent", "name": "researcher"}}
		want := answerTo(fmt.Sprint("question ", i))
		switch {
		case i%10 == 3:
			q.SetAnnotations(map[string]string{viaTask: "yes"})
		case i%25 == 4:
			q.SetAnnotations(map[string]string{viaConfig: "yes"})
			waits[q.GetName()] = true
		case i%20 == 5:
			spec["serviceAccount"] = runner
			want += ", as asked by its runner"
		}
		q.Object["spec"] = spec
		wanted[q.GetName()] = want
		all = append(all, q)
	}
	c.create(t, queries, all...)
	within := patience + time.Duration(n)*100*time.Millisecond
	eventually(t, within, func(context.Context) error {
		if done := j.count(); done < n/2 {
			return fmt.Errorf("%d of %d queries are done", done, n)
		}
		return nil
	})
	killed, survivor := leader(t, managers...)
	killed.Kill()
	when := time.Now()
	t.Logf("the manager that leads was killed after %d of %d queries, %s after the first was made", j.count(), n, when.Sub(began).Round(time.Millisecond))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := survivor.WaitStdout(ctx, leadingLine); err != nil {
		t.Fatal(err)
	}
	t.Logf("the other one leads after %s", time.Since(when).Round(time.Millisecond))
	var configsFor []object
	for name := range waits {
		configsFor = append(configsFor, coreKind("", "v1", "configmaps", "ConfigMap", nil).make(workplace, name))
	}
	c.create(t, configs, configsFor...)
	eventually(t, within, func(context.Context) error {
		if done := j.count(); done < n {
			return fmt.Errorf("%d of %d queries are done", done, n)
		}
		return nil
	})
	t.Logf("%d queries were done after %s", n, time.Since(began).Round(time.Millisecond))
	c.checkQueries(t, j, wanted)
	c.checkCaches(t)
	c.checkDeletion(t, j, n)
}

// leader returns the manager that leads, and the other one.
func leader(t *testing.T, managers ...*component.Process) (first, other *component.Process) {
	t.Helper()
	for i, m := range managers {
		if leadingLine.MatchString(m.Stdout()) {
			if first != nil {
				t.Fatal("both managers lead")
			}
			first, other = m, managers[1-i]
		}
	}
	if first == nil {
		t.Fatal("no manager leads")
	}
	return first, other
}

// checkQueries compares what was watched and what is there with what must be.
func (c *cluster) checkQueries(t *testing.T, j *journal, wanted map[string]string) {
	t.Helper()
	list, err := c.objects.Resource(queries).Namespace(workplace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != len(wanted) {
		t.Errorf("there are %d queries, want %d", len(list.Items), len(wanted))
	}
	for i := range list.Items {
		q := &list.Items[i]
		content, _, _ := unstructured.NestedString(q.Object, "status", "response", "content")
		conversation, _, _ := unstructured.NestedString(q.Object, "status", "conversationId")
		if content != wanted[q.GetName()] || conversation != "conversation-"+q.GetName() || len(q.GetFinalizers()) != 1 {
			t.Errorf("%s has the answer %q, want %q; conversation %q, finalizers %v", q.GetName(), content, wanted[q.GetName()], conversation, q.GetFinalizers())
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.lives) != len(wanted) {
		t.Errorf("%d queries were watched, want %d", len(j.lives), len(wanted))
	}
	for _, l := range j.lives {
		if got := strings.Join(l.phases, " "); l.ends != 1 || strings.TrimSpace(got) != "pending running done" {
			t.Errorf("%s ended %d times, with the phases %q", l.name, l.ends, got)
		}
	}
	events, err := c.core.CoreV1().Events(workplace).List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.kind=Query"})
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]int{}
	for _, e := range events.Items {
		reasons[e.Reason]++
	}
	if reasons["QueryExecutionStart"] == 0 || reasons["QueryExecutionComplete"] == 0 {
		t.Errorf("events: %v", reasons)
	}
	t.Logf("events: %v", reasons)
}

// checkCaches has the manager compare its caches with the server, and delete a collection.
func (c *cluster) checkCaches(t *testing.T) {
	t.Helper()
	var some []object
	for i := range 5 {
		o := kindsOf(agents)[0].make(workplace, numbered("agent", i))
		if i > 0 {
			o.SetLabels(map[string]string{askedFor: "delete"})
		}
		some = append(some, o)
	}
	c.create(t, agents, some...)
	asked := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "asked", Labels: map[string]string{askedFor: "yes"}}}
	if _, err := c.core.CoreV1().ConfigMaps(workplace).Create(t.Context(), asked, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func(ctx context.Context) error {
		got, err := c.core.CoreV1().ConfigMaps(workplace).Get(ctx, "asked", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if got.Data["report"] == "" {
			return errors.New("the manager's caches are not as the server: its log says which")
		}
		t.Logf("caches: %s", got.Data["report"])
		return nil
	})
	left, err := c.objects.Resource(agents).Namespace(workplace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range left.Items {
		if strings.HasPrefix(o.GetName(), "agent-") {
			names = append(names, o.GetName())
		}
	}
	if len(names) != 1 || names[0] != "agent-0" {
		t.Errorf("after deletecollection the agents %v are left, want agent-0", names)
	}
}

// checkDeletion deletes some of the queries. Their finalizers let them go, and the server collects
// their tasks.
func (c *cluster) checkDeletion(t *testing.T, j *journal, n int) {
	t.Helper()
	const those = "remainder=3" // those with a task
	err := c.objects.Resource(queries).Namespace(workplace).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: those})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, patience+time.Duration(n)*10*time.Millisecond, func(ctx context.Context) error {
		left, err := c.objects.Resource(queries).Namespace(workplace).List(ctx, metav1.ListOptions{LabelSelector: those})
		if err != nil {
			return err
		}
		owned, err := c.objects.Resource(tasks).Namespace(workplace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(left.Items)+len(owned.Items) > 0 {
			return fmt.Errorf("%d deleted queries and %d of their tasks are left", len(left.Items), len(owned.Items))
		}
		return nil
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	gone := 0
	for _, l := range j.lives {
		if l.ends > 1 {
			t.Errorf("%s ended %d times", l.name, l.ends)
		}
		if l.gone {
			gone++
		}
	}
	t.Logf("%d queries were deleted, and their tasks with them", gone)
}
