package cluster

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// versions are those of the Ark group, each with an APIService.
var versions = []string{"v1alpha1", "v1prealpha1"}

// register puts a Service and the APIServices in front of the server, and waits until they are
// available. The server listens on loopback, which a Service of a real cluster would not: the
// aggregator is led there by a name (Service routing) or by a slice of addresses given as names
// (endpoint routing).
func (e *env) register(t *testing.T, endpointRouting bool) {
	t.Helper()
	port := e.options.Port
	manifest := fmt.Sprintf(`{apiVersion: v1, kind: Service, metadata: {name: %s, namespace: %s}, spec: {type: ExternalName, externalName: localhost}}
`, service, namespace)
	servicePort := port
	if endpointRouting {
		servicePort = 443
		manifest = fmt.Sprintf(`
{apiVersion: v1, kind: Service, metadata: {name: %[1]s, namespace: %[2]s}, spec: {ports: [{name: https, port: 443, targetPort: %[3]d}]}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: %[1]s, namespace: %[2]s, labels: {kubernetes.io/service-name: %[1]s}},
 addressType: FQDN, endpoints: [{addresses: ["127.0.0.1"], conditions: {ready: true}}], ports: [{name: https, port: %[3]d}]}
`, service, namespace, port)
	}
	for _, version := range versions {
		manifest += "---\n" + e.apiService(version, servicePort)
	}
	e.apply(t, manifest, "apply", "-f", "-")
	e.waitAvailable(t, "True")
}

func (e *env) apiService(version string, port int) string {
	return fmt.Sprintf(`apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: %s.ark.mckinsey.com}
spec:
  group: ark.mckinsey.com
  version: %[1]s
  groupPriorityMinimum: 1000
  versionPriority: 100
  caBundle: %[2]s
  service: {name: %[3]s, namespace: %[4]s, port: %[5]d}
`, version, base64.StdEncoding.EncodeToString(e.options.CA), service, namespace, port)
}

// waitAvailable waits until every APIService's condition Available is as wanted.
func (e *env) waitAvailable(t *testing.T, status string) {
	t.Helper()
	for _, version := range versions {
		e.run(t, "wait", "--for=condition=Available="+status, "--timeout=1m", "apiservice/"+version+".ark.mckinsey.com")
	}
	if status != "True" {
		return
	}
	// Available comes before discovery and OpenAPI have been merged.
	for _, version := range versions {
		eventually(t, "the OpenAPI v3 document of "+version, func() error {
			r := try(t, e.kubectl, "", "get", "--raw=/openapi/v3")
			if !strings.Contains(r.Stdout, `"apis/ark.mckinsey.com/`+version+`"`) {
				return fmt.Errorf("not listed: %s", r.Stderr)
			}
			return nil
		})
	}
	eventually(t, "discovery of the Ark kinds", func() error {
		r := try(t, e.kubectl, "", "api-resources", "--api-group=ark.mckinsey.com", "--cached=false", "-o", "name")
		if found := strings.Count(r.Stdout, "ark.mckinsey.com"); r.Code != 0 || found < 11 {
			return fmt.Errorf("%d kinds: %s", found, r.Stderr)
		}
		return nil
	})
}
