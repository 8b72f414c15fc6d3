package container

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// sqlite are the arguments that people type first.
var sqlite = []string{"--storage=sqlite"}

// newVolume makes a folder of the host to be mounted.
func newVolume(t *testing.T, owner int, mode fs.FileMode) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	own(t, dir, owner, mode)
	return dir
}

func own(t *testing.T, path string, owner int, mode fs.FileMode) {
	t.Helper()
	if err := os.Chown(path, owner, owner); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// named is a named volume at its first use: the engine makes it like the folder of the image.
func named(t *testing.T, i *image) string {
	t.Helper()
	dir := t.TempDir()
	i.unpack(t, dir)
	return filepath.Join(dir, "data")
}

// TestVolumes starts the server on every sort of volume, looks at it as a user on the host does,
// and starts it a second time.
func TestVolumes(t *testing.T) {
	i := native(t)
	for name, c := range map[string]struct {
		volume   func(t *testing.T) string
		user     string
		readOnly bool
		args     []string
		// owner of the process and of all files.
		owner int
	}{
		"root's":                       {volume: func(t *testing.T) string { return newVolume(t, 0, 0o755) }, args: sqlite, owner: 65532},
		"root's, without arguments":    {volume: func(t *testing.T) string { return newVolume(t, 0, 0o700) }, owner: 65532},
		"somebody else's":              {volume: func(t *testing.T) string { return newVolume(t, 4321, 0o750) }, args: sqlite, owner: 65532},
		"writable by all":              {volume: func(t *testing.T) string { return newVolume(t, 4321, 0o777) }, args: sqlite, owner: 65532},
		"named":                        {volume: func(t *testing.T) string { return named(t, i) }, args: sqlite, owner: 65532},
		"none":                         {volume: func(*testing.T) string { return "" }, args: sqlite, owner: 65532},
		"read-only root":               {volume: func(t *testing.T) string { return newVolume(t, 0, 0o755) }, args: sqlite, readOnly: true, owner: 65532},
		"--user, named":                {volume: func(t *testing.T) string { return named(t, i) }, user: "1000", args: sqlite, owner: 1000},
		"--user, its own":              {volume: func(t *testing.T) string { return newVolume(t, 1000, 0o755) }, user: "1000:1000", args: sqlite, owner: 1000},
		"--user, named, read-only":     {volume: func(t *testing.T) string { return named(t, i) }, user: "65532:65532", readOnly: true, owner: 65532},
		"another port and database":    {volume: func(t *testing.T) string { return newVolume(t, 0, 0o755) }, args: []string{"--secure-port=7443", "--db-path=team.db"}, owner: 65532},
		"another port and user, named": {volume: func(t *testing.T) string { return named(t, i) }, user: "1000", args: []string{"serve", "--secure-port=7443", "--db-path=/data/team.db"}, owner: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options{image: i, user: c.user, readOnly: c.readOnly, args: c.args}
			volume := c.volume(t)
			if volume != "" {
				o.mounts = []mount{{Source: volume, Target: "data"}}
			}
			port := 6443
			if strings.Contains(strings.Join(c.args, " "), "7443") {
				port = 7443
			}
			first := start(t, o)
			first.ready(t)
			first.healthy(t)
			first.isUnprivileged(t, c.owner)
			kubeconfig := first.kubeconfig(t, port)
			apply(t, kubeconfig)
			first.stop(t)
			if volume == "" {
				return
			}
			allOwnedBy(t, volume, c.owner, c.user)
			if c.args == nil || c.args[0] == sqlite[0] {
				for _, file := range []string{"ark.db", "ark.db.keys", "admin.kubeconfig"} {
					if _, err := os.Stat(filepath.Join(volume, file)); err != nil {
						t.Error(err)
					}
				}
			}
			// Root, or somebody who restores a backup, may have put files there since.
			if c.user == "" {
				if err := os.WriteFile(filepath.Join(volume, "ark.yaml"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			second := start(t, o)
			second.ready(t)
			second.healthy(t)
			if got := kubectl(t, second.kubeconfig(t, port), "", "get", "configmaps", "-o=name"); !strings.Contains(got, "configmap/sky") {
				t.Errorf("the second start has lost the object: %q", got)
			}
			second.stop(t)
			allOwnedBy(t, volume, c.owner, c.user)
		})
	}
}

// isUnprivileged checks the user, the groups and the rights of the server's process.
func (c *running) isUnprivileged(t *testing.T, owner int) {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(c.PID()) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	status := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		status[key] = strings.Join(strings.Fields(value), " ")
	}
	id := fmt.Sprintf("%d %[1]d %[1]d %[1]d", owner)
	none := "0000000000000000"
	if status["Uid"] != id || status["CapPrm"] != none || status["CapEff"] != none || status["CapAmb"] != none {
		t.Errorf("the process is that of %s, with the capabilities %s %s", status["Uid"], status["CapPrm"], status["CapEff"])
	}
	if c.options.user == "" && (status["Gid"] != id || status["Groups"] != "" || status["NoNewPrivs"] != "1") {
		t.Errorf("groups %s and %s, NoNewPrivs %s", status["Gid"], status["Groups"], status["NoNewPrivs"])
	}
}

// allOwnedBy looks at all files of a volume. The volume itself stays as the engine made it where
// --user is given.
func allOwnedBy(t *testing.T, dir string, owner int, user string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if uid := int(info.Sys().(*syscall.Stat_t).Uid); uid != owner && (path != dir || user == "") {
			t.Errorf("%s belongs to %d", path, uid)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// kubeconfig is one for the host: docker exec prints it, and the container's port is published at
// another one.
func (c *running) kubeconfig(t *testing.T, port int) string {
	t.Helper()
	address := c.publish(t, port)
	out, errs, code := c.exec(t, "ark-server", "kubeconfig", "--server=https://"+address)
	if code != 0 || errs != "" {
		t.Fatalf("docker exec ark-server kubeconfig: exit code %d: %s", code, errs)
	}
	// Without --server it names the port that the server listens on, for -p with the same port.
	if same, _, _ := c.exec(t, "ark-server", "kubeconfig"); same != strings.ReplaceAll(out, address, "127.0.0.1:"+strconv.Itoa(port)) {
		t.Errorf("docker exec ark-server kubeconfig prints\n%s", same)
	}
	return writeKubeconfig(t, out)
}

func writeKubeconfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ark.kubeconfig")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func kubectl(t *testing.T, kubeconfig, stdin string, args ...string) string {
	t.Helper()
	k, err := component.NewKubectl(kubeconfig, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := k.Run(ctx, stdin, args...)
	if err != nil || r.Code != 0 {
		t.Fatalf("kubectl %v: %v %s", args, err, r.Stderr)
	}
	return r.Stdout
}

func apply(t *testing.T, kubeconfig string) {
	t.Helper()
	kubectl(t, kubeconfig, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sky}\ndata: {colour: blue}\n", "apply", "-f", "-")
	kubectl(t, kubeconfig, "", "get", "agents")
}

// refused runs a container that ends with an error.
func refused(t *testing.T, o options, texts ...string) {
	t.Helper()
	c := start(t, o)
	select {
	case <-c.Done():
	case <-t.Context().Done():
		t.Fatal("it runs")
	}
	if c.ExitCode() == 0 {
		t.Error("exit code 0")
	}
	for _, text := range texts {
		if !strings.Contains(c.Stderr(), text) {
			t.Errorf("no %q in %s", text, c.Stderr())
		}
	}
}

// TestRefused are volumes and users that cannot work: the error names the fix.
func TestRefused(t *testing.T) {
	i := native(t)
	foreign := newVolume(t, 0, 0o755)
	refused(t, options{image: i, user: "1000:1000", mounts: []mount{{Source: foreign, Target: "data"}}}, "ark.db", "ermission denied")
	if entries, err := os.ReadDir(foreign); err != nil || len(entries) > 0 {
		t.Errorf("%v %v", entries, err)
	}
	refused(t, options{image: i, env: []string{"ARK_RUN_AS=ark"}}, "ARK_RUN_AS=ark", "UID:GID")
	readOnly := newVolume(t, 0, 0o755)
	refused(t, options{image: i, mounts: []mount{{Source: readOnly, Target: "data", ReadOnly: true}}}, "give /data to user 65532", "read-only")
}

// TestLinksOutOfTheVolume plants links in a volume: what they lead to keeps its owner.
func TestLinksOutOfTheVolume(t *testing.T) {
	volume := newVolume(t, 4321, 0o755)
	for name, target := range map[string]string{"file": "/etc/passwd", "folder": "/etc", "up": ".."} {
		if err := os.Symlink(target, filepath.Join(volume, name)); err != nil {
			t.Fatal(err)
		}
	}
	c := start(t, options{image: native(t), mounts: []mount{{Source: volume, Target: "data"}}})
	c.ready(t)
	for _, path := range []string{"", "etc", "etc/passwd", "etc/ssl"} {
		info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(c.PID()), "root", path))
		if err != nil {
			t.Fatal(err)
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 0 {
			t.Errorf("/%s was given to %d", path, uid)
		}
	}
	c.stop(t)
}

// TestUserOfTheEnvironment runs the server as another user than 65532, and as root.
func TestUserOfTheEnvironment(t *testing.T) {
	i := native(t)
	volume := newVolume(t, 0, 0o755)
	for _, user := range []int{2000, 3000} { // the second takes the volume over
		c := start(t, options{image: i, env: []string{fmt.Sprintf("ARK_RUN_AS=%d:%[1]d", user)}, mounts: []mount{{Source: volume, Target: "data"}}})
		c.ready(t)
		c.isUnprivileged(t, user)
		c.stop(t)
		allOwnedBy(t, volume, user, "")
	}
	c := start(t, options{image: i, env: []string{"ARK_RUN_AS=0:0"}})
	c.ready(t)
	c.healthy(t)
	c.stop(t)
}
