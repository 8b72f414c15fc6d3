package kubectl

import (
	"context"
	"regexp"
	"strings"
	"testing"
)

// testWatch follows queries in a second process while their statuses are patched, as a user would
// in a second terminal.
func (c *cluster) testWatch(t *testing.T) {
	c.namespace(t, "watched")
	c.runWith(t, query("before"), "apply", "-n", "watched", "-f", "-")
	watcher, err := c.kubectl.Start("get", "queries", "-n", "watched", "-w")
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	expect := func(row string) {
		t.Helper()
		if _, err := watcher.WaitStdout(ctx, regexp.MustCompile("(?m)^"+row+"$")); err != nil {
			t.Fatal(err)
		}
	}
	const age = `\d+[smh]\S*`
	expect(`NAME\s+TYPE\s+PHASE\s+DURATION\s+AGE`)
	expect(`before\s+user\s+` + age)

	patch := func(name, status string) {
		t.Helper()
		c.run(t, "patch", "query", name, "-n", "watched", "--subresource=status", "--type=merge", "-p", `{"status":`+status+`}`)
	}
	c.runWith(t, query("sky"), "apply", "-n", "watched", "-f", "-")
	expect(`sky\s+user\s+` + age)
	patch("sky", `{"phase":"running"}`)
	expect(`sky\s+user\s+running\s+` + age)
	patch("before", `{"phase":"error"}`)
	expect(`before\s+user\s+error\s+` + age)
	patch("sky", `{"phase":"done","duration":"2.5s","response":{"content":"Rayleigh scattering"}}`)
	expect(`sky\s+user\s+done\s+2\.5s\s+` + age)

	// The whole stream: each change once, in order, and nothing else.
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(watcher.Stdout()), "\n")[1:] {
		row := strings.Fields(line)
		got = append(got, strings.Join(row[:len(row)-1], " "))
	}
	want := "before user, sky user, sky user running, before user error, sky user done 2.5s"
	if rows := strings.Join(got, ", "); rows != want {
		t.Errorf("rows seen: %s\nwant:      %s", rows, want)
	}
}

// testWait has kubectl wait for a status that comes later.
func (c *cluster) testWait(t *testing.T) {
	c.namespace(t, "waiting")
	c.runWith(t, query("slow"), "apply", "-n", "waiting", "-f", "-")
	waiter, err := c.kubectl.Start("wait", "query/slow", "-n", "waiting", "--for=jsonpath={.status.phase}=done", "--timeout="+patience.String())
	if err != nil {
		t.Fatal(err)
	}
	defer waiter.Kill()
	c.run(t, "patch", "query", "slow", "-n", "waiting", "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"done"}}`)
	if code := waiter.ExitCode(); code != 0 || !strings.Contains(waiter.Stdout(), "condition met") {
		t.Errorf("kubectl wait: exit code %d\n%s%s", code, waiter.Stdout(), waiter.Stderr())
	}
}
