package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var (
	root           = filepath.Join("..", "..")
	serviceUnit    = filepath.Join(root, "deploy", "systemd", "ark-server.service")
	serviceConfig  = filepath.Join(root, "deploy", "systemd", "config.yaml")
	composeProject = filepath.Join(root, "deploy", "compose", "compose.yaml")
)

// TestServiceUnit checks that the unit runs an existing command with existing flags, and a
// configuration file in which every key, in comments too, exists.
func TestServiceUnit(t *testing.T) {
	unit := readFile(t, serviceUnit)
	line := regexp.MustCompile(`(?m)^ExecStart=/usr/bin/ark-server (\S+) --config=(\S+)$`).FindStringSubmatch(unit)
	if line == nil || line[1] != "serve" || line[2] != "/etc/ark-server/config.yaml" {
		t.Fatalf("ExecStart is %q", line)
	}
	config := readFile(t, serviceConfig)
	wantTexts(t, config, "data-dir: /var/lib/ark-server\n")
	wantTexts(t, unit, "\nWorkingDirectory=/var/lib/ark-server\n", "\nStateDirectory=ark-server\n")
	if all := settingsOf(t, "--config="+serviceConfig); all["data-dir"].Value != "/var/lib/ark-server" || all["db-path"].Value != "/var/lib/ark-server/ark.db" {
		t.Errorf("%+v", all)
	}
	// The settings in comments are valid too.
	offered := regexp.MustCompile(`(?m)^# ([a-z-]+: \S.*)$`).ReplaceAllString(config, "$1")
	if offered == config {
		t.Error("nothing is offered")
	}
	all := settingsOf(t, "--config="+manifest(t, t.TempDir(), "config.yaml", offered))
	if all["storage"].Value != "postgresql" || all["bind-address"].Value != "0.0.0.0" {
		t.Errorf("%+v, %+v", all["storage"], all["bind-address"])
	}
}

// TestServiceUnitBySystemd checks that systemd accepts the unit without a warning, and rates it as
// well protected.
func TestServiceUnitBySystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("NOT CHECKED: there is no systemd-analyze")
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := manifest(t, dir, "ark-server.service", strings.Replace(readFile(t, serviceUnit), "/usr/bin/ark-server", self, 1))
	if out, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=no", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v: %s", err, out)
	}
	// 2.0 of 10 at most, where 0 is the best: a daemon without any protection has 9.6.
	if out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=20", "--no-pager", unit).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v: %s", err, out)
	}
}

// composeFile has the keys of the Compose Specification that the file uses: any other key is an
// error.
type composeFile struct {
	Name     string
	Services map[string]struct {
		Image       string
		Command     []string
		Environment map[string]string
		Volumes     []string
		Ports       []string
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		ReadOnly    bool                                  `yaml:"read_only"`
		Tmpfs       []string
		SecurityOpt []string `yaml:"security_opt"`
		Restart     string
		StopGrace   string `yaml:"stop_grace_period"`
		Healthcheck struct {
			Test              []string
			Interval, Timeout string
			Retries           int
		}
	}
	Volumes map[string]any
}

// TestCompose checks that the environment in the Compose file consists of valid settings, and that
// everything that the file refers to exists.
func TestCompose(t *testing.T) {
	var project composeFile
	decoder := yaml.NewDecoder(strings.NewReader(readFile(t, composeProject)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&project); err != nil {
		t.Fatal(err)
	}
	for name, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume, _, _ := strings.Cut(volume, ":"); !hasKey(project.Volumes, volume) {
				t.Errorf("%s: the volume %s is not declared", name, volume)
			}
		}
		for other, how := range service.DependsOn {
			if needed, there := project.Services[other]; !there || how.Condition != "service_healthy" || len(needed.Healthcheck.Test) == 0 {
				t.Errorf("%s depends on %s, which has no health check, or %q", name, other, how.Condition)
			}
		}
	}
	server, database := project.Services["ark-server"], project.Services["postgresql"]
	if port := settingsOf(t)["secure-port"].Value; len(server.Ports) != 1 || server.Ports[0] != fmt.Sprintf("127.0.0.1:%[1]v:%[1]v", port) {
		t.Errorf("the ports are %v, the server's is %v", server.Ports, port)
	}
	// "make image" names the image by the release; the page and the file describe how to get the name
	// that is used here.
	if server.Image != "${SERVER_IMAGE:-ark-server}" {
		t.Errorf("the image is %s", server.Image)
	}
	for _, text := range []string{readFile(t, composeProject), readFile(t, root, "docs", "operations", "service.md")} {
		wantTexts(t, text, "make image IMAGE=ark-server")
	}
	for _, want := range []string{"--username=" + database.Environment["POSTGRES_USER"], "--dbname=" + database.Environment["POSTGRES_DB"]} {
		if !slices.Contains(database.Healthcheck.Test, want) {
			t.Errorf("the health check is %v, without %s", database.Healthcheck.Test, want)
		}
	}
	if len(server.Environment) < 6 || len(server.Command) != 1 || server.Command[0] != "serve" {
		t.Fatalf("%+v", server)
	}
	var environment []string
	for name, value := range server.Environment {
		t.Setenv(name, value)
		environment = append(environment, name+"="+value)
	}
	if warnings, err := checkVariables(newCommand(), environment); err != nil || len(warnings) > 0 {
		t.Errorf("%v, %v", warnings, err)
	}
	all := settingsOf(t)
	for flag, want := range map[string]string{
		"db-host": "postgresql", "db-name": database.Environment["POSTGRES_DB"], "db-user": database.Environment["POSTGRES_USER"], "data-dir": "/data",
	} {
		if all[flag].Value != want || want == "" {
			t.Errorf("%s is %v, want %s", flag, all[flag].Value, want)
		}
	}
	if server.Environment[passwordVariable] != database.Environment["POSTGRES_PASSWORD"] {
		t.Error("the two have different passwords")
	}
}

func hasKey(values map[string]any, key string) bool {
	_, there := values[key]
	return there
}

// TestPackages checks that the packages contain existing files.
func TestPackages(t *testing.T) {
	var spec struct {
		Contents []struct{ Src, Dst string }
		Scripts  map[string]string
	}
	if err := yaml.Unmarshal([]byte(readFile(t, root, "deploy", "packages", "nfpm.yaml")), &spec); err != nil {
		t.Fatal(err)
	}
	files := []string{}
	for _, c := range spec.Contents {
		if !strings.HasPrefix(c.Src, "${STAGE}/") {
			files = append(files, c.Src)
		}
	}
	for _, script := range spec.Scripts {
		files = append(files, script)
		if out, err := exec.Command("sh", "-n", filepath.Join(root, script)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", script, err, out)
		}
	}
	if len(files) < 8 {
		t.Errorf("only %v", files)
	}
	for _, file := range files {
		if info, err := os.Stat(filepath.Join(root, file)); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s: %v", file, err)
		}
	}
}
