package plane

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/golden"
)

var update = flag.Bool("update", false, "write docs/upstream-cases.md anew")

// upstreamCase is a case of Kubernetes' own end-to-end tests.
type upstreamCase struct {
	// name is upstream's.
	name string
	// run holds the server to it; nil for a case that is not applied.
	run func(c *trial)
	// stands says what stands in for what the server does not have.
	stands string
	// without says why a case is not applied, and elsewhere where it is.
	without, elsewhere string
}

// trial is one run of a case, in a namespace of its own.
type trial struct {
	*testing.T
	*plane
	ns string
}

// upstreamFile is a file below test/e2e.
type upstreamFile struct {
	path  string
	cases []upstreamCase
}

// Reasons why a case is not applied.
const (
	noPods       = "there are no pods and nodes"
	noNetwork    = "there is no network for services"
	noOwnKinds   = "clients cannot define kinds: Ark's are parts of the server"
	noAggregator = "there is no aggregation layer"
	noCertsAPI   = "certificates.k8s.io is not served"
)

// Stand-ins.
const (
	queryForWorkload = "a Query in place of a Deployment or a pod"
	arkForCustom     = "an Ark kind in place of a custom resource of the test's own"
	urlForService    = "the webhook is reached by URL"
)

// upstreamCases are all cases of files that are about the API itself.
func upstreamCases() []upstreamFile {
	return []upstreamFile{
		authCases(), certificateCases(), reviewCases(), selfReviewCases(),
		configMapCases(), secretCases(), leaseCases(), eventCases(), coreEventCases(), serviceCases(), limitRangeCases(),
		namespaceCases(), garbageCases(), quotaCases(),
		validatingPolicyCases(), mutatingPolicyCases(), webhookCases(),
		watchCases(), watchListCases(), chunkingCases(), tableCases(), applyCases(), fieldValidationCases(),
		discoveryCases(), aggregatedDiscoveryCases(), openAPICases(), flowControlCases(), timeoutCases(), versionCases(), healthCases(),
		definitionCases(),
	}
}

// TestUpstreamCases runs the cases that apply.
func TestUpstreamCases(t *testing.T) {
	p := start(t, component.ArkOptions{})
	for _, file := range upstreamCases() {
		for _, c := range file.cases {
			if c.run == nil {
				continue
			}
			t.Run(file.path+"/"+strings.ReplaceAll(c.name, "/", "_"), func(t *testing.T) {
				c.run(&trial{T: t, plane: p, ns: p.namespace(t)})
			})
		}
	}
}

// TestUpstreamPage holds docs/upstream-cases.md to the table.
func TestUpstreamPage(t *testing.T) {
	root, err := component.Root()
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, filepath.Join(root, "docs", "upstream-cases.md"), upstreamPage(t), *update, "cd e2e && go test ./plane -run TestUpstreamPage -update")
}

func upstreamPage(t *testing.T) string {
	t.Helper()
	var rows strings.Builder
	applied, all := 0, 0
	for _, file := range upstreamCases() {
		fmt.Fprintf(&rows, "\n## %s\n\n| case | outcome |\n|---|---|\n", file.path)
		seen := map[string]bool{}
		for _, c := range file.cases {
			all++
			outcome := "passes"
			switch {
			case seen[c.name]:
				t.Errorf("%s: %q is there twice", file.path, c.name)
			case (c.run == nil) != (c.without+c.elsewhere != ""):
				t.Errorf("%s: %q is neither run nor left out, or both", file.path, c.name)
			case c.elsewhere != "":
				outcome = "shown by " + c.elsewhere
			case c.run == nil:
				outcome = "does not apply: " + c.without
			case c.stands != "":
				outcome += "; " + c.stands
			}
			if c.run != nil {
				applied++
			}
			seen[c.name] = true
			fmt.Fprintf(&rows, "| %s | %s |\n", strings.ReplaceAll(c.name, "|", `\|`), outcome)
		}
	}
	return fmt.Sprintf(`# Upstream's end-to-end cases

Kubernetes holds its own control plane to the cases of `+"`test/e2e`"+`. These are the cases of release 1.37 in the files about what a standalone server serves: %[1]d.
It passes the %[2]d that apply to it, and the others name their reason. Left out are the files about kinds that clients define (`+"`crd_*.go`"+`), about the aggregation layer, and about pods and nodes. The cases are tests of ours with upstream's names: what a case asks for is upstream's, the code is not.
Every case that passes is a test of `+"`make e2e`"+` (`+"`TestUpstreamCases`"+` in [e2e/plane](../e2e/plane)), and this page is written from the table that these tests run from; a test compares it.
What clients may rely on for Ark's kinds, in every mode, is on the page [Conformance](conformance.md).
%[3]s`, all, applied, rows.String())
}

// left are cases that do not apply, all for one reason.
func left(reason string, names ...string) []upstreamCase {
	var cases []upstreamCase
	for _, name := range names {
		cases = append(cases, upstreamCase{name: name, without: reason})
	}
	return cases
}

// must ends the case where there is an error.
func (c *trial) must(what string, err error) {
	c.Helper()
	ok(c.T, what, err)
}

// until waits for something that must happen.
func (c *trial) until(what string, done func() error) {
	c.Helper()
	soon(c.T, what, func(context.Context) error { return done() })
}

// clientOf makes a client of a configuration.
func (c *trial) clientOf(config *rest.Config) kubernetes.Interface {
	c.Helper()
	client, err := kubernetes.NewForConfig(config)
	c.must("make a client", err)
	return client
}

// claimsOf reads what a token says.
func claimsOf(c *trial, token string) map[string]any {
	c.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		c.Fatal("the token is no JWT")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	c.must("decode the token", err)
	var claims map[string]any
	c.must("read the token", json.Unmarshal(text, &claims))
	return claims
}
