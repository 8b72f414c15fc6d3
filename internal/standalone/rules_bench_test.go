package standalone

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/operation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/registry"
)

// cpu is the processor time of this process so far.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkQueryRules compares what defaulting, validation and reference checks of
// a Query cost with what its create costs: in the registry alone, and as a whole
// request (of which the client is in this process too). The Query has a target, a
// parameter from a ConfigMap, and no ttl.
func BenchmarkQueryRules(b *testing.B) {
	r := start(b, b.TempDir())
	ctx := request.WithUser(context.Background(), &user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup}})
	ctx = request.WithNamespace(ctx, "default")
	ctx = request.WithRequestInfo(ctx, &request.RequestInfo{IsResourceRequest: true, Verb: "create", APIGroup: "ark.mckinsey.com", APIVersion: "v1alpha1", Resource: "queries", Namespace: "default"})
	client := r.raw(b)
	for path, body := range map[string]any{
		collection(arkV1, "default", "agents"):    map[string]any{"apiVersion": arkV1, "kind": "Agent", "metadata": map[string]any{"name": "researcher"}},
		collection("v1", "default", "configmaps"): map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "settings"}, "data": map[string]any{"city": "Lisbon"}},
	} {
		if err := post(b, client, path, body).Error(); err != nil {
			b.Fatal(err)
		}
	}
	made := 0
	fresh := func() *v1alpha1.Query {
		made++
		key, kind, timeout := "city", v1alpha1.QueryTypeUser, v1alpha1.Duration("5m")
		q := &v1alpha1.Query{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("q-%d", made), Namespace: "default"}, Spec: v1alpha1.QuerySpec{
			Type: &kind, Timeout: &timeout,
			Target:     &v1alpha1.QueryTarget{Type: v1alpha1.QueryTargetAgent, Name: "researcher"},
			Parameters: []v1alpha1.Parameter{{Name: "city", ValueFrom: &v1alpha1.ValueFromSource{ConfigMapKeyRef: &v1alpha1.ConfigMapKeySelector{Name: "settings", Key: &key}}}},
		}}
		if err := q.Spec.Input.UnmarshalJSON([]byte(`"What is the weather in {{.city}}?"`)); err != nil {
			b.Fatal(err)
		}
		return q
	}
	queries, ok := r.server.server.Storage["v1alpha1"]["queries"].(*registry.REST)
	if !ok {
		b.Fatal("the storage of queries is not the registry's")
	}
	each := func(n int, what func(*v1alpha1.Query) error) time.Duration {
		objects := make([]*v1alpha1.Query, n)
		for i := range objects {
			objects[i] = fresh()
		}
		before := cpu(b)
		for _, q := range objects {
			if err := what(q); err != nil {
				b.Fatal(err)
			}
		}
		return (cpu(b) - before) / time.Duration(n)
	}
	rules := func(q *v1alpha1.Query) error {
		queries.CreateStrategy.PrepareForCreate(ctx, q)
		errs := queries.CreateStrategy.Validate(ctx, q)
		declarative, ok := queries.CreateStrategy.(rest.DeclarativeValidationStrategy)
		if !ok {
			return fmt.Errorf("%T has no declarative validation", queries.CreateStrategy)
		}
		errs = declarative.ValidateDeclaratively(ctx, q, nil, errs, operation.Create, declarative.DeclarativeValidationConfig(ctx, q, nil))
		queries.CreateStrategy.WarningsOnCreate(ctx, q)
		return errs.ToAggregate()
	}
	inRegistry := func(q *v1alpha1.Query) error {
		_, err := queries.Create(ctx, q, rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
		return err
	}
	overHTTPS := func(q *v1alpha1.Query) error {
		q.APIVersion, q.Kind = arkV1, "Query"
		return post(b, client, collection(arkV1, "default", "queries"), q).Error()
	}
	var checks, create, whole time.Duration
	for b.Loop() {
		checks += each(2000, rules)
		create += each(400, inRegistry)
		whole += each(400, overHTTPS)
	}
	rounds := time.Duration(b.N)
	b.ReportMetric(float64((checks/rounds).Nanoseconds())/1e3, "µs/checks")
	b.ReportMetric(float64((create/rounds).Nanoseconds())/1e3, "µs/create")
	b.ReportMetric(float64((whole/rounds).Nanoseconds())/1e3, "µs/request")
	b.ReportMetric(100*float64(checks)/float64(create), "%of-create")
	b.ReportMetric(100*float64(checks)/float64(whole), "%of-request")
}
