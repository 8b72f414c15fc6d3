package kubectl

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// ark runs ark-server, which must succeed, and returns its standard output.
func ark(t *testing.T, args ...string) string {
	t.Helper()
	path, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := component.RunToEnd(ctx, component.Command{Path: path, Name: "ark-server", Args: args})
	if err != nil {
		t.Fatal(err)
	}
	if code := p.ExitCode(); code != 0 {
		t.Fatalf("ark-server %s: exit code %d\n%s", strings.Join(args, " "), code, p.Stderr())
	}
	return strings.TrimSpace(p.Stdout())
}

// TestRightsAreMoved: a backup with its keys has users' tokens, service accounts with theirs,
// roles, bindings and all else that a standalone server keeps; the command of
// docs/operations/migration.md takes what is no token to another server.
func TestRightsAreMoved(t *testing.T) {
	c := newCluster(t, component.ArkOptions{})
	c.namespace(t, "team")
	for _, command := range []string{
		"create serviceaccount worker",
		"create role reader --verb=list --resource=configmaps,agents.ark.mckinsey.com",
		"create rolebinding readers --role=reader --serviceaccount=team:worker --user=alice",
		"create service clusterip web --tcp=80:8080",
		"create quota few --hard=count/agents.ark.mckinsey.com=3",
	} {
		c.run(t, append(strings.Fields(command), "--namespace=team")...)
	}
	c.runWith(t, `{apiVersion: v1, kind: LimitRange, metadata: {name: some, namespace: team}, spec: {limits: [{type: Container, max: {cpu: "1"}}]}}`, "apply", "-f", "-")
	const kinds = "serviceaccounts,roles,rolebindings,services,resourcequotas,limitranges"
	db := c.options.DB()
	alice := ark(t, "token", "create", "--user=alice", "--db-path="+db, fmt.Sprintf("--secure-port=%d", c.options.Port))
	worker := strings.TrimSpace(c.run(t, "create", "token", "worker", "--namespace=team"))

	backup := filepath.Join(t.TempDir(), "backup.db")
	ark(t, "backup", "--db-path="+db, "--to="+backup, "--include-keys")
	database := filepath.Join(t.TempDir(), "ark.db")
	ark(t, "restore", "--db-path="+database, "--from="+backup, "--include-keys")
	restored := newCluster(t, component.ArkOptions{Database: database, Keys: database + ".keys"})
	for who, token := range map[string]string{"alice": alice, "worker": worker} {
		for _, s := range []*cluster{c, restored} {
			if got := s.try(t, "", "auth", "can-i", "list", "configmaps", "--namespace=team", "--token="+token); strings.TrimSpace(got.Stdout) != "yes" {
				t.Errorf("%s may not list: %s%s", who, got.Stdout, got.Stderr)
			}
			if got := s.try(t, "", "auth", "can-i", "delete", "configmaps", "--namespace=team", "--token="+token); strings.TrimSpace(got.Stdout) != "no" {
				t.Errorf("%s may delete: %s%s", who, got.Stdout, got.Stderr)
			}
		}
	}
	if before, after := c.run(t, "get", kinds, "--namespace=team", "-o", "name"), restored.run(t, "get", kinds, "--namespace=team", "-o", "name"); before != after {
		t.Errorf("the backup has\n%s\nwant\n%s", after, before)
	}

	moved := newCluster(t, component.ArkOptions{})
	moved.namespace(t, "team")
	moved.runWith(t, c.run(t, "get", kinds, "--namespace=team", "--field-selector=metadata.name!=default", "-o", "yaml"), "apply", "-f", "-")
	if before, after := c.run(t, "get", kinds, "--namespace=team", "-o", "name"), moved.run(t, "get", kinds, "--namespace=team", "-o", "name"); before != after {
		t.Errorf("moved:\n%s\nwant\n%s", after, before)
	}
	if got := moved.run(t, "auth", "can-i", "list", "configmaps", "--namespace=team", "--as=system:serviceaccount:team:worker"); strings.TrimSpace(got) != "yes" {
		t.Errorf("the service account may not list: %s", got)
	}
	// Tokens are a server's own.
	for _, token := range []string{alice, worker} {
		moved.refuse(t, "", []string{"Unauthorized"}, "get", "configmaps", "--namespace=team", "--token="+token)
	}
}
