package cluster

import (
	"fmt"
	"strings"
	"testing"
)

// Ark objects that name a Secret or a ConfigMap of the cluster are held to what is there, as far as the server may get it.
func (e *env) references(t *testing.T) {
	e.run(t, "create", "namespace", "referring")
	model := func(name, secret, key string) string {
		return fmt.Sprintf(`apiVersion: ark.mckinsey.com/v1alpha1
kind: Model
metadata: {name: %s}
spec:
  provider: openai
  model: {value: gpt}
  config: {openai: {apiKey: {valueFrom: {secretKeyRef: {name: %s, key: %s}}}, baseUrl: {value: "https://api.example.com/v1"}}}
`, name, secret, key)
	}
	refuse(t, e.kubectl, []string{"secret 'later' does not exist in namespace 'referring'"}, model("early", "later", "token"), "-n", "referring", "create", "-f", "-")
	e.run(t, "-n", "referring", "create", "secret", "generic", "later", "--from-literal=token=very-secret-value")
	e.apply(t, model("fine", "later", "token"), "-n", "referring", "create", "-f", "-")
	r := try(t, e.kubectl, model("wrong", "later", "password"), "-n", "referring", "create", "-f", "-")
	if r.Code == 0 || !strings.Contains(r.Stderr, "key 'password' not found in secret 'later'") {
		t.Errorf("a wrong key: %s", r.Stderr)
	}
	// The server may get it, and not look around.
	for _, c := range []struct{ verb, want string }{{"get", "yes"}, {"list", "no"}, {"watch", "no"}, {"update", "no"}} {
		r := try(t, e.kubectl, "", "-n", "referring", "auth", "can-i", c.verb, "secrets", "--as=system:serviceaccount:"+namespace+":"+account)
		if got := strings.TrimSpace(r.Stdout); got != c.want {
			t.Errorf("can-i %s secrets: %s, want %s", c.verb, got, c.want)
		}
	}
	if strings.Contains(e.ark.Stderr()+e.ark.Stdout(), "very-secret-value") {
		t.Error("a secret's value is in the log")
	}

	// Without the right, what cannot be looked up is not refused.
	e.run(t, "delete", "clusterrolebinding", "ark-server:references")
	eventually(t, "the right gone", func() error {
		if r := try(t, e.kubectl, model("unchecked", "nowhere", "token"), "-n", "referring", "create", "-f", "-"); r.Code != 0 {
			return fmt.Errorf("%s", r.Stderr)
		}
		return nil
	})
	if !strings.Contains(e.ark.Stderr(), "may not get secrets in namespace referring") {
		t.Errorf("no warning in the log: %s", e.ark.Stderr())
	}
}
