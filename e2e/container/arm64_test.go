package container

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// TestArm64 runs the image of the architecture that this machine is not. It needs an archive with
// both: make e2e-container.
func TestArm64(t *testing.T) {
	other, emulator := "arm64", "qemu-aarch64-static"
	if runtime.GOARCH == other {
		other, emulator = "amd64", "qemu-x86_64-static"
	}
	i := readImages(t, readArchive(t))[other]
	if i == nil {
		t.Fatalf("%s has no image for %s: run make e2e-container, or leave this test out: -skip=TestArm64", *archive, other)
	}
	path, err := exec.LookPath(emulator)
	if err != nil {
		t.Fatalf("%v: THE IMAGE FOR %s WAS NOT RUN: install qemu-user-static (apt-get install qemu-user-static)", err, strings.ToUpper(other))
	}
	// An emulator for the whole machine would start the program again after root's rights are dropped;
	// this one cannot.
	o := options{image: i, emulator: path, user: "65532:65532", mounts: []mount{{Source: named(t, i), Target: "data"}}}
	o.args = []string{"version"}
	version := start(t, o)
	<-version.Done()
	if version.ExitCode() != 0 || !strings.Contains(version.Stdout(), "linux/"+other) {
		t.Fatalf("exit code %d: %s%s", version.ExitCode(), version.Stdout(), version.Stderr())
	}
	o.args = sqlite
	c := start(t, o)
	c.ready(t)
	apply(t, c.foreignKubeconfig(t))
	c.stop(t)
	allOwnedBy(t, o.mounts[0].Source, 65532, o.user)
}

// foreignKubeconfig is what docker exec prints, with the emulator in front of the command.
func (c *running) foreignKubeconfig(t *testing.T) string {
	t.Helper()
	out, errs, code := c.exec(t, "/emulator", "/usr/local/bin/ark-server", "kubeconfig", "--server=https://"+c.publish(t, 6443))
	if code != 0 {
		t.Fatalf("docker exec ark-server kubeconfig: exit code %d: %s", code, errs)
	}
	return writeKubeconfig(t, out)
}
