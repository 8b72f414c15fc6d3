package kubectl

import (
	"strings"
	"testing"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// TestControlPlane: what people and Ark's tools type at a cluster works at a standalone server,
// short of pods.
func TestControlPlane(t *testing.T) {
	c := newCluster(t, component.ArkOptions{})
	const role, binding = "--verb=get,list", "--role=reader"
	for _, step := range []struct {
		command string
		// wants are parts of the output; "!" before one says that it must not be there.
		wants []string
	}{
		{"cluster-info", []string{"control plane is running at https://127.0.0.1:"}},
		{"auth whoami", []string{"ark-admin", "system:masters"}},
		{"auth whoami --as=alice --as-group=team", []string{"alice", "team"}},
		{"create sa worker", []string{"serviceaccount/worker created"}},
		{"get sa", []string{"worker"}},
		{"create token worker --duration=1h", []string{"eyJ"}},
		{"create role reader " + role + " --resource=agents.ark.mckinsey.com", []string{"role.rbac.authorization.k8s.io/reader created"}},
		{"create rolebinding readers " + binding + " --serviceaccount=default:worker --user=alice", []string{"rolebinding.rbac.authorization.k8s.io/readers created"}},
		{"auth can-i create agents.ark.mckinsey.com", []string{"yes"}},
		{"create quota few --hard=count/agents.ark.mckinsey.com=3,configmaps=9", []string{"resourcequota/few created"}},
		{"create service clusterip web --tcp=80:8080", []string{"service/web created"}},
		{"create service externalname outside --external-name=example.com", []string{"service/outside created"}},
		{"get all", []string{"web", "ClusterIP", "None", "outside", "example.com"}},
		{"describe service web", []string{"IP:                       None", "80/TCP"}},
		{"get events", []string{"No resources found"}},
		{"events", []string{"No events found"}},
		{"get clusterroles ark-viewer ark-editor view edit admin cluster-admin", []string{"ark-viewer", "cluster-admin"}},
		{"explain rolebinding.roleRef", []string{"RoleRef contains information that points to the role being used"}},
		{"explain validatingadmissionpolicy.spec.validations", []string{"expression"}},
		{"explain lease.spec", []string{"holderIdentity"}},
		{"wait --for=condition=Established crd/tools.ark.mckinsey.com --timeout=30s", []string{"customresourcedefinition.apiextensions.k8s.io/tools.ark.mckinsey.com condition met"}},
		{"get crd agents.ark.mckinsey.com", []string{"ESTABLISHED", "agents.ark.mckinsey.com   True"}},
		{"get crd models.ark.mckinsey.com -o yaml", []string{"openAPIV3Schema", "pollInterval"}},
		{"get crd", []string{"queries.ark.mckinsey.com", "a2atasks.ark.mckinsey.com"}},
		{"get apiservice v1alpha1.ark.mckinsey.com", []string{"AVAILABLE", "v1alpha1.ark.mckinsey.com   True"}},
		{"wait --for=condition=Available apiservice/v1alpha1.ark.mckinsey.com apiservice/v1prealpha1.ark.mckinsey.com --timeout=30s", []string{"apiservice.apiregistration.k8s.io/v1prealpha1.ark.mckinsey.com condition met"}},
		{"api-resources --api-group=ark.mckinsey.com", []string{"agents"}},
		{"api-resources --api-group=admissionregistration.k8s.io", []string{"validatingwebhookconfigurations", "mutatingadmissionpolicies"}},
		{"get leases,limitranges,endpoints,networkpolicies -A", nil},
	} {
		t.Run(step.command, func(t *testing.T) {
			if step.wants == nil {
				c.refuse(t, "", []string{`the server doesn't have a resource type "networkpolicies"`}, strings.Fields(step.command)...)
				return
			}
			r := c.try(t, "", strings.Fields(step.command)...)
			if r.Code != 0 {
				t.Fatalf("exit code %d: %s%s", r.Code, r.Stdout, r.Stderr)
			}
			for _, want := range step.wants {
				if out := r.Stdout + r.Stderr; !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		})
	}
	c.eventually(t, "yes", "auth", "can-i", "get", "agents.ark.mckinsey.com", "--as=system:serviceaccount:default:worker")
	c.eventually(t, "yes", "auth", "can-i", "list", "agents.ark.mckinsey.com", "--as=alice")
	list := c.run(t, "auth", "can-i", "--list", "--as=alice")
	if !strings.Contains(list, "agents.ark.mckinsey.com") || !strings.Contains(list, "[get list]") || !strings.Contains(list, "selfsubjectaccessreviews.authorization.k8s.io") {
		t.Errorf("kubectl auth can-i --list: %s", list)
	}
	c.refuse(t, "", []string{`User "alice" cannot delete resource "agents"`}, "delete", "agents.ark.mckinsey.com", "one", "--as=alice")
	c.refuse(t, "", []string{"a standalone server has no nodes and no load balancer"}, "create", "service", "nodeport", "refused", "--tcp=80:80")
}

// eventually waits until kubectl prints a text.
func (c *cluster) eventually(t *testing.T, want string, args ...string) {
	t.Helper()
	var last component.KubectlResult
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if last = c.try(t, "", args...); strings.Contains(last.Stdout, want) {
			return
		}
	}
	t.Fatalf("kubectl %s: no %q in\n%s%s", strings.Join(args, " "), want, last.Stdout, last.Stderr)
}
