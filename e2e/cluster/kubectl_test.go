package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/internal/registry/registrytest"
)

// kinds are the resources of the group, as users name them.
var kinds = plurals(func(registrytest.Sample) bool { return true })

// namespaced are those that lie in a namespace.
var namespaced = plurals(func(s registrytest.Sample) bool { return !s.ClusterScoped })

func plurals(which func(registrytest.Sample) bool) []string {
	var found []string
	for _, sample := range registrytest.Samples() {
		if which(sample) {
			found = append(found, sample.Plural)
		}
	}
	slices.Sort(found)
	return found
}

// C19: discovery and OpenAPI of the cluster contain every Ark kind.
func (e *env) discovery(t *testing.T) {
	resources := e.run(t, "api-resources", "--api-group=ark.mckinsey.com", "-o", "name")
	for _, kind := range kinds {
		if !strings.Contains(resources, kind+".ark.mckinsey.com") {
			t.Errorf("api-resources does not list %s:\n%s", kind, resources)
		}
	}
	if got := e.run(t, "api-versions"); !strings.Contains(got, "ark.mckinsey.com/v1alpha1") || !strings.Contains(got, "apps/v1") {
		t.Errorf("api-versions: %s", got)
	}
	for _, kind := range kinds {
		if got := e.run(t, "explain", kind); !strings.Contains(got, "GROUP:      ark.mckinsey.com") {
			t.Errorf("explain %s: %s", kind, got)
		}
	}
	if got := e.run(t, "explain", "query.spec.target.name"); !strings.Contains(got, "FIELD: name <string>") {
		t.Errorf("explain at depth: %s", got)
	}
	// Version 2 of the document is merged in the background.
	eventually(t, "the merged OpenAPI v2 document", func() error {
		var document struct {
			Definitions map[string]any
			Paths       map[string]any
		}
		if err := json.Unmarshal([]byte(e.run(t, "get", "--raw=/openapi/v2")), &document); err != nil {
			return err
		}
		for _, want := range []string{"/apis/ark.mckinsey.com/v1alpha1/namespaces/{namespace}/agents", "/apis/apps/v1/deployments"} {
			if document.Paths[want] == nil {
				return fmt.Errorf("no path %s", want)
			}
		}
		for name := range document.Definitions {
			if strings.Contains(name, "/") || strings.Contains(name, "__internal") {
				t.Errorf("a definition is called %s", name)
			}
		}
		return nil
	})
}

// What users do all day, through kube-apiserver.
func (e *env) kubectlWorks(t *testing.T) {
	e.run(t, "create", "namespace", "work")
	// Every example, checked strictly against the merged schema.
	e.run(t, "-n", "work", "apply", "--validate=strict", "-R", "-f", e.root+"/docs/examples")
	refuse(t, e.kubectl, []string{`unknown field "spec.propmt"`}, strings.Replace(agent("typo"), "prompt", "propmt", 1), "-n", "work", "apply", "-f", "-")
	refuse(t, e.kubectl, []string{"namespaces \"nowhere\" not found"}, agent("lost"), "-n", "nowhere", "create", "-f", "-")
	if got := e.run(t, "-n", "work", "get", "agents"); !regexp.MustCompile(`(?m)^NAME +MODEL +AVAILABLE +AGE$`).MatchString(got) {
		t.Errorf("the table of agents:\n%s", got)
	}

	watch, err := e.kubectl.Start("-n", "work", "get", "queries", "-w", "--output-watch-events")
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	e.apply(t, query("seen"), "-n", "work", "apply", "--server-side", "-f", "-")
	if _, err := watch.WaitStdout(ctx, regexp.MustCompile(`ADDED +seen`)); err != nil {
		t.Fatal(err)
	}
	e.run(t, "-n", "work", "patch", "query", "seen", "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"running"}}`)
	if _, err := watch.WaitStdout(ctx, regexp.MustCompile(`MODIFIED +seen`)); err != nil {
		t.Fatal(err)
	}
	e.run(t, "-n", "work", "delete", "query", "seen")
	if _, err := watch.WaitStdout(ctx, regexp.MustCompile(`DELETED +seen`)); err != nil {
		t.Fatal(err)
	}
}
