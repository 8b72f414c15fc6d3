package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/ask"
	"github.com/mckinsey/ark-server/internal/version"
)

const (
	// skew is how far clocks may differ before times are misleading.
	skew = 5 * time.Second
	// untouched is how long a query may wait before doctor reports that no engine executes queries: an
	// engine sets the status to queued within a second.
	untouched = 30 * time.Second
)

// diagnosis is the result of one check; ark-server doctor has the same form.
type diagnosis struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
}

// examination collects the results.
type examination struct {
	*app
	client    kubernetes.Interface
	namespace string
	items     []diagnosis
}

func (e *examination) ok(name, format string, args ...any) {
	e.items = append(e.items, diagnosis{Name: name, OK: true, Message: fmt.Sprintf(format, args...)})
}

func (e *examination) bad(name, fix, format string, args ...any) {
	e.items = append(e.items, diagnosis{Name: name, Message: fmt.Sprintf(format, args...), Fix: fix})
}

func (a *app) doctorCommand() *cobra.Command {
	var timeout time.Duration
	cmd := a.withOutput(&cobra.Command{
		Use: "doctor", Short: "Look for what keeps you from working, and say how to mend it",
		Long: `Look for what keeps you from working: the connection, the server, its API groups, your rights in the namespace, the clocks, who
executes queries, and the models. Each line that is not ok says what to do. Nothing is changed. The exit code is 0 if all is
well, else 1. On the server's own machine ark-server doctor looks deeper.`,
		Example: "kubectl ark doctor\nkubectl ark doctor -n team-a -o json",
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := context.WithTimeout(cmd.Context(), timeout)
			defer stop()
			e := &examination{app: a}
			e.examine(ctx)
			return e.print()
		},
	}, "text", "json", "yaml")
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long it may take")
	return cmd
}

func (e *examination) examine(ctx context.Context) {
	config, err := e.config()
	if err == nil {
		e.namespace, err = e.app.namespace()
	}
	if err == nil {
		e.client, err = kubernetes.NewForConfig(config)
	}
	if err != nil {
		e.bad("context", "name a server: kubectl config get-contexts lists those that there are", "%s", err)
		return
	}
	e.ok("context", "%s, namespace %s", config.Host, e.namespace)
	if e.server(ctx, config) && e.groups(ctx) {
		e.rights(ctx)
		e.engine(ctx)
		e.models(ctx)
	}
}

// server reports whether the server answers, and compares the clocks.
func (e *examination) server(ctx context.Context, config *rest.Config) bool {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		e.bad("server", "correct the credentials of the context", "%s", err)
		return false
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		e.bad("server", "correct the address of the context", "%s", err)
		return false
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("/version").String(), nil)
	if err != nil {
		e.bad("server", "correct the address of the context", "%s", err)
		return false
	}
	before := time.Now()
	answer, err := client.Do(r)
	if err != nil {
		e.bad("server", "start it, or correct the address and the authority of the context", "%s", err)
		return false
	}
	defer func() { _ = answer.Body.Close() }() // the body was only read
	took := time.Since(before)
	if answer.StatusCode == http.StatusUnauthorized {
		e.bad("server", "sign in again: the token or certificate of the context is not valid, or no longer", "it does not accept your credentials")
		return false
	}
	var found struct{ GitVersion string }
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil || answer.StatusCode != http.StatusOK {
		e.bad("server", "look at the server's log", "GET /version: %s", answer.Status)
		return false
	}
	e.ok("server", "%s, answers in %s; this plugin is %s", found.GitVersion, took.Round(time.Millisecond), version.Ark())
	e.clock(answer.Header.Get("Date"), before.Add(took/2))
	return true
}

func (e *examination) clock(date string, now time.Time) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		e.ok("clock", "the server does not say what time it is")
		return
	}
	difference := now.Sub(theirs.Add(500 * time.Millisecond)) // the header has a resolution of one second
	if difference.Abs() > skew {
		e.bad("clock", "set this machine's clock, or the server's, by NTP", "it differs from the server's by %s", difference.Round(time.Second))
		return
	}
	e.ok("clock", "as the server's, to within %s", skew)
}

// groups reports whether the server has Ark's kinds.
func (e *examination) groups(ctx context.Context) bool {
	found, err := e.client.Discovery().WithLegacy().ServerGroups()
	if err != nil {
		e.bad("api", "look at the server's log", "%s", err)
		return false
	}
	groups := map[string]bool{}
	for _, g := range found.Groups {
		groups[g.Name] = true
	}
	if !groups[v1alpha1.SchemeGroupVersion.Group] {
		e.bad("api", "install ark-server, or look at kubectl get apiservice v1alpha1.ark.mckinsey.com", "there is no group %s", v1alpha1.SchemeGroupVersion.Group)
		return false
	}
	records := strings.Split(recordsPath, "/")[2]
	if !groups[records] {
		e.bad("api", "let ark-server serve the group: without it there are no history, search, SQL and reports", "there is no group %s", records)
		return true
	}
	e.ok("api", "%s and %s", v1alpha1.SchemeGroupVersion.Group, records)
	return true
}

// needed lists the permissions that the commands of this plugin need, with their purpose.
var needed = []struct{ what, verb, group, resource, subresource string }{
	{"ask", "create", "ark.mckinsey.com", "queries", ""},
	{"see answers", "get", "ark.mckinsey.com", "queries", ""},
	{"list agents", "list", "ark.mckinsey.com", "agents", ""},
	{"chat with agents", "create", "ark.mckinsey.com", "agents", "proxy"},
	{"cancel", "patch", "ark.mckinsey.com", "queries", ""},
	{"approve", "patch", "ark.mckinsey.com", "a2atasks", ""},
	{"see history", "list", "records.ark.mckinsey.com", "revisions", ""},
	{"search", "create", "records.ark.mckinsey.com", "searches", ""},
	{"run SQL", "create", "records.ark.mckinsey.com", "sqlqueries", ""},
}

func (e *examination) rights(ctx context.Context) {
	var may, not []string
	for _, n := range needed {
		review, err := e.client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: e.namespace, Verb: n.verb, Group: n.group, Resource: n.resource, Subresource: n.subresource},
		}}, metav1.CreateOptions{})
		if err != nil {
			e.bad("rights", "look at the server's log", "%s", err)
			return
		}
		if review.Status.Allowed {
			may = append(may, n.what)
			continue
		}
		resource := n.resource
		if n.subresource != "" {
			resource += "/" + n.subresource
		}
		not = append(not, fmt.Sprintf("%s (%s %s.%s)", n.what, n.verb, resource, n.group))
	}
	if len(not) > 0 {
		e.bad("rights", "ask who administers the namespace for a role with these rights", "in %s you may not %s", e.namespace, strings.Join(not, ", "))
		return
	}
	e.ok("rights", "you may %s", strings.Join(may, ", "))
}

// engine checks whether an engine executes queries.
func (e *examination) engine(ctx context.Context) {
	client, err := e.objects()
	list := &v1alpha1.QueryList{}
	if err == nil {
		err = client.Ark(v1alpha1.SchemeGroupVersion).Get().Namespace(e.namespace).Resource("queries").Param("limit", "500").Do(ctx).Into(list)
	}
	if err != nil {
		e.ok("engine", "you may not list queries (%s)", oneLine(err.Error(), 120))
		return
	}
	waiting, ended := 0, 0
	for i := range list.Items {
		q := &list.Items[i]
		switch {
		case ask.Ended(q):
			ended++
		case q.Status == nil && time.Since(q.CreationTimestamp.Time) > untouched,
			q.Status != nil && (q.Status.Phase == nil || *q.Status.Phase == v1alpha1.QueryPending) && time.Since(q.CreationTimestamp.Time) > untouched:
			waiting++
		}
	}
	if waiting > 0 {
		e.bad("engine", "start Ark's controller, or the server with --engine=embedded", "%d queries of %s wait for more than %s, and nobody executes them", waiting, e.namespace, untouched)
		return
	}
	e.ok("engine", "no query of %s waits for more than %s; %d have ended", e.namespace, untouched, ended)
}

func (e *examination) models(ctx context.Context) {
	client, err := e.objects()
	list := &v1alpha1.ModelList{}
	if err == nil {
		err = client.List(ctx, "models", e.namespace, "", list)
	}
	if err != nil {
		e.ok("models", "you may not list them (%s)", oneLine(err.Error(), 120))
		return
	}
	var failing []string
	for _, m := range list.Items {
		if m.Status == nil {
			continue
		}
		for _, c := range m.Status.Conditions {
			if c.Type == "ModelAvailable" && c.Status == v1alpha1.ConditionFalse {
				why := ""
				if c.Message != nil {
					why = *c.Message
				}
				failing = append(failing, fmt.Sprintf("%s (%s)", m.Name, oneLine(why, 160)))
			}
		}
	}
	switch {
	case len(list.Items) == 0:
		e.bad("models", "create one: an agent without one cannot answer", "there is no Model in %s", e.namespace)
	case len(failing) > 0:
		e.bad("models", "correct their address and key: kubectl get models -o yaml", "%s", strings.Join(failing, ", "))
	default:
		e.ok("models", "%d, none of them known to fail", len(list.Items))
	}
}

// print prints the results, and returns an error if there are faults.
func (e *examination) print() error {
	faults := 0
	for _, item := range e.items {
		if !item.OK {
			faults++
		}
	}
	if e.output != "text" {
		err := e.document(struct {
			OK    bool        `json:"ok"`
			Items []diagnosis `json:"items"`
		}{faults == 0, e.items})
		if err != nil {
			return err
		}
	} else {
		for _, item := range e.items {
			verdict := e.colour(green, "ok   ")
			if !item.OK {
				verdict = e.colour(red, "FAULT")
			}
			fmt.Fprintf(e.out, "%s  %-8s  %s\n", verdict, item.Name, harmless(item.Message))
			if item.Fix != "" {
				fmt.Fprintf(e.out, "       %-8s  fix: %s\n", "", item.Fix)
			}
		}
	}
	if faults > 0 {
		return fmt.Errorf("%d of %d items need attention", faults, len(e.items))
	}
	return nil
}
