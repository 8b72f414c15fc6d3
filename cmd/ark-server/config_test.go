package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// settingsOf returns the output of config print.
func settingsOf(t *testing.T, args ...string) map[string]setting {
	t.Helper()
	var all map[string]setting
	if err := json.Unmarshal([]byte(stdoutOf(t, append([]string{"config", "print", "-o", "json"}, args...)...)), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPrecedence checks that the command line overrides the environment, which overrides the file,
// which overrides the default, and that config print shows the source.
func TestPrecedence(t *testing.T) {
	dir := t.TempDir()
	file := manifest(t, dir, "ark.yaml", "# ours\nsecure-port: 7001\nlog-level: info\ndb-path: /file.db\ntls-san: [a.example.com, b.example.com]\nmax-object-size: 4Mi\n")
	t.Setenv("ARK_CONFIG", file)
	t.Setenv("ARK_SECURE_PORT", "7002")
	t.Setenv("ARK_LOG_LEVEL", "error")
	all := settingsOf(t, "--secure-port=7003")
	for flag, want := range map[string]setting{
		"secure-port":     {Value: 7003.0, Source: "command line"},
		"log-level":       {Value: "error", Source: "environment (ARK_LOG_LEVEL)"},
		"db-path":         {Value: "/file.db", Source: file + ":4"},
		"max-object-size": {Value: "4Mi", Source: file + ":6"},
		"storage":         {Value: "sqlite", Source: "default"},
		"keys-dir":        {Value: "/file.db.keys", Source: "default, next to the database"},
		"kubeconfig-out":  {Value: "/file.admin.kubeconfig", Source: "default, next to the database"},
		"config":          {Value: file, Source: "environment (ARK_CONFIG)"},
	} {
		if got := all[flag]; got != want {
			t.Errorf("%s: %+v, want %+v", flag, got, want)
		}
	}
	if got := all["tls-san"]; len(got.Value.([]any)) != 2 || got.Source != file+":5" {
		t.Errorf("tls-san: %+v", got)
	}
}

// TestPrintedSettingsAreAFile checks that the output of config print is a configuration file that
// results in the same settings.
func TestPrintedSettingsAreAFile(t *testing.T) {
	dir := t.TempDir()
	args := []string{"--data-dir=" + dir, "--secure-port=0", "--tls-san=x,y", "--compaction-interval=90s", "--db-migrate=false"}
	text := stdoutOf(t, append([]string{"config", "print"}, args...)...)
	wantTexts(t, text, "secure-port: 0 # command line", "db-path: "+filepath.Join(dir, "ark.db")+" # default, in --data-dir")
	text = strings.Replace(text, `config: ""`, "", 1)
	text = text[strings.Index(text, "data-dir:"):] // without the key config
	was, is := settingsOf(t, args...), settingsOf(t, "--config="+manifest(t, t.TempDir(), "printed.yaml", text))
	for flag, w := range was {
		a, _ := json.Marshal(w.Value)
		b, _ := json.Marshal(is[flag].Value)
		if flag != "config" && flag != "mode" && string(a) != string(b) {
			t.Errorf("%s: %s, want %s", flag, b, a)
		}
	}
	var parsed map[string]struct{ Value, Source any }
	if err := yaml.Unmarshal([]byte(stdoutOf(t, "config", "print", "-o", "yaml")), &parsed); err != nil || parsed["db-path"].Value != "./ark.db" || parsed["db-path"].Source != "default" {
		t.Errorf("-o yaml: %v, %v", parsed["db-path"], err)
	}
}

// TestConfigFaults checks that each fault of a file is reported with its line and a suggestion.
func TestConfigFaults(t *testing.T) {
	for text, want := range map[string]string{
		"db-pth: x\n":                               `:1: no flag is called "db-pth": did you mean db-path?`,
		"\n# x\nstorage: oracle\n":                  ":3: --storage=oracle",
		"secure-port: \"6443\"\n":                   `:1: secure-port: "6443": want a whole number, without quotes`,
		"secure-port: high\n":                       "want a whole number",
		"secure-port: 70000\n":                      ":1: --secure-port=70000",
		"db-migrate: yes\n":                         `:1: db-migrate: "yes": want true or false`,
		"compaction-interval: 5\n":                  "want a duration such as 30s",
		"db-path: [a, b]\n":                         ":1: db-path takes one value",
		"db-path: {a: b}\n":                         ":1: db-path takes a plain value",
		"db-path:\n":                                ":1: db-path has no value",
		"tls-san: [[a]]\n":                          ":1: tls-san takes a list of plain values",
		"db-path: a\nstorage: sqlite\ndb-path: b\n": ":3: db-path is set in line 1 already",
		"config: b\n":                               ":1: config: a configuration file does not name another one",
		"help: true\n":                              `:1: no flag is called "help"`,
		"- db-path\n":                               ":1: it is not a list of settings",
		"db-path\n":                                 ":1: it is not a list of settings",
		"a: b\n---\nc: d\n":                         "a second document",
		"db-path: a\n  b: c\n":                      "it is not YAML",
		"mode: standalone\nkubeconfig: c\n":         ":2: --kubeconfig=c: is for a server in a cluster",
		"db-host: db\n":                             ":1: --db-host: only for --storage=postgresql",
		"max-object-size: 1Ki\nlog-format: jsn\nv: 11\n": ":2: --log-format=jsn: did you mean json?",
	} {
		t.Run(text, func(t *testing.T) {
			t.Chdir(t.TempDir())
			file := manifest(t, t.TempDir(), "ark.yaml", text)
			checkFailure(t, []string{"--config=" + file}, 2, []string{file, want})
			if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
				t.Errorf("something was made: %v, %v", left, err)
			}
		})
	}
	checkFailure(t, []string{"--config=none.yaml"}, 2, []string{"--config=none.yaml", "no such file"})
	for _, empty := range []string{"", "# nothing\n", "---\n"} {
		if all := settingsOf(t, "--config="+manifest(t, t.TempDir(), "ark.yaml", empty)); all["db-path"].Value != "./ark.db" {
			t.Errorf("%q: %+v", empty, all["db-path"])
		}
	}
}

// TestConfigOfAllCommands checks that a file may also contain the settings of other commands.
func TestConfigOfAllCommands(t *testing.T) {
	dir := t.TempDir()
	file := manifest(t, dir, "ark.yaml", "secure-port: 7443\nto-file: x.yaml\nbump-revision: 7\ndb-path: "+filepath.Join(dir, "none.db")+"\n")
	checkFailure(t, []string{"backup", "--config=" + file, "--to=" + filepath.Join(dir, "b")}, 1, []string{"none.db"})
}

// TestConfigOfOthers checks that a file that other users can write is rejected.
func TestConfigOfOthers(t *testing.T) {
	file := manifest(t, t.TempDir(), "ark.yaml", "db-path: /elsewhere.db\n")
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	checkFailure(t, []string{"--config=" + file}, 2, []string{"--config=" + file, "chmod 0600"})
}

// TestPrintedSettingsHideSecrets checks that no password is printed, in whichever setting it is.
func TestPrintedSettingsHideSecrets(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(passwordVariable, "hush-1")
	dsn := manifest(t, dir, "dsn", "postgres://ark:hush-2@db:5432/ark")
	for _, args := range [][]string{
		{"--storage=postgresql", "--db-host=db", "--db-name=ark", "--db-user=ark"},
		{"--storage=postgresql", "--db-dsn-file=" + dsn},
		{"--storage=postgresql", "--db-host=postgres://ark:hush-3@db:5432/ark", "--db-name=ark", "--db-user=ark"},
		{"--storage=mysql", "--db-host=ark:hush-4@tcp(db:3306)/ark", "--db-name=ark", "--db-user=ark"},
		{"--storage=etcd", "--etcd-servers=https://root:hush-5@a:2379,https://root:hush-6@b:2379"},
	} {
		for _, output := range []string{"text", "yaml", "json"} {
			text := command(t, 0, append([]string{"config", "print", "-o", output}, args...)...)
			if strings.Contains(text, "hush") {
				t.Errorf("%v, -o %s: %s", args, output, text)
			}
			if output == "text" {
				wantTexts(t, text, "# ARK_DB_PASSWORD is set in the environment, and not shown")
			}
		}
	}
}

// TestPrintWrongSettings checks that invalid settings are printed and rejected.
func TestPrintWrongSettings(t *testing.T) {
	text := command(t, 2, "config", "print", "--storage=oracle")
	wantTexts(t, text, "storage: oracle # command line", "--storage=oracle: use sqlite or")
	checkFailure(t, []string{"config", "print", "-o", "xml"}, 2, []string{"--output=xml"})
	checkFailure(t, []string{"config"}, 2, []string{"config print"})
}

// TestDataDir checks that with --data-dir all state is in one private folder, and that every
// command finds it.
func TestDataDir(t *testing.T) {
	t.Chdir(t.TempDir())
	dir := filepath.Join(t.TempDir(), "state", "ark")
	flag := "--data-dir=" + dir
	serveIn(t, flag, "--secure-port=0")
	for _, want := range []string{"ark.db", "ark.db.keys", "admin.kubeconfig"} {
		if _, err := os.Stat(filepath.Join(dir, want)); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	wantTexts(t, command(t, 0, "health", flag, "--secure-port=0"), "is ready")
	wantTexts(t, command(t, 0, "kubeconfig", flag, "--secure-port=0"), "token:")
	wantTexts(t, command(t, 0, "check", flag), "ok")
	wantTexts(t, command(t, 0, "backup", flag, "--to="+filepath.Join(dir, "b.db")), "b.db holds")
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("something was made in the working folder: %v, %v", left, err)
	}
}

// TestDataDirDefaults checks that flags override --data-dir, and that an existing folder keeps its
// mode.
func TestDataDirDefaults(t *testing.T) {
	for _, c := range []struct {
		args                []string
		db, keys, out, mark string
	}{
		{[]string{"--data-dir=/d"}, "/d/ark.db", "/d/ark.db.keys", "/d/admin.kubeconfig", ""},
		{[]string{"--data-dir=/d", "--db-path=/e/team.db"}, "/e/team.db", "/d/team.db.keys", "/d/team.admin.kubeconfig", ""},
		{[]string{"--data-dir=/d", "--keys-dir=/k", "--kubeconfig-out=/o"}, "/d/ark.db", "/k", "/o", ""},
		{[]string{"--data-dir=/d", "--storage=mysql", "--db-dsn-file=x"}, "./ark.db", "/d/ark-server.keys", "/d/admin.kubeconfig", "/d/ark-server.keys"},
	} {
		all := settingsOf(t, c.args...)
		mark := all["mark-dir"].Value
		if all["db-path"].Value != c.db && !slices.Contains(c.args, "--storage=mysql") || all["keys-dir"].Value != c.keys || all["kubeconfig-out"].Value != c.out || mark != c.mark {
			t.Errorf("%v: %v, %v, %v, %v", c.args, all["db-path"], all["keys-dir"], all["kubeconfig-out"], mark)
		}
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	o := newOptions()
	o.dataDir = dir
	if err := o.makeDataDir(); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := o.makeDataDir(); err == nil || !strings.Contains(err.Error(), "--data-dir="+dir) {
		t.Errorf("a folder that everybody may write: %v", err)
	}
	o.dataDir = manifest(t, t.TempDir(), "file", "")
	if err := o.makeDataDir(); err == nil || !strings.Contains(err.Error(), "not a folder") {
		t.Errorf("a file: %v", err)
	}
}
