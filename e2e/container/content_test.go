package container

import (
	"crypto/x509"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestContent lists the image: nothing is missing and nothing else is in it.
func TestContent(t *testing.T) {
	i := native(t)
	dir := t.TempDir()
	i.unpack(t, dir)
	var got []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if stat := info.Sys().(*syscall.Stat_t); stat.Uid != 0 || stat.Gid != 0 {
			t.Errorf("%s belongs to %d:%d", path, stat.Uid, stat.Gid)
		}
		got = append(got, info.Mode().String()+" "+strings.TrimPrefix(path, dir))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"dtrwxrwxrwx /data", "drwxr-xr-x /etc", "-rw-r--r-- /etc/group", "-rw-r--r-- /etc/passwd", "drwxr-xr-x /etc/ssl", "drwxr-xr-x /etc/ssl/certs",
		"-rw-r--r-- /etc/ssl/certs/ca-certificates.crt", "dtrwxrwxrwx /tmp", "drwxr-xr-x /usr", "drwxr-xr-x /usr/local", "drwxr-xr-x /usr/local/bin",
		"-rwxr-xr-x /usr/local/bin/ark-server",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the image holds\n%s", strings.Join(got, "\n"))
	}
	pem, err := os.ReadFile(filepath.Join(dir, "etc/ssl/certs/ca-certificates.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if pool := x509.NewCertPool(); !pool.AppendCertsFromPEM(pem) || strings.Count(string(pem), "BEGIN CERTIFICATE") < 100 {
		t.Error("the public authorities are missing")
	}
	if i.Config.User != "" || len(i.Config.Cmd) > 0 || i.Config.WorkingDir != "/data" {
		t.Errorf("%+v", i.Config)
	}
}

// TestDockerLoad reads what "docker load" reads: the configuration and the layers that
// manifest.json names are in the archive.
func TestDockerLoad(t *testing.T) {
	files := readArchive(t)
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	decode(t, files["manifest.json"], &manifest)
	if len(manifest) != 1 || len(manifest[0].RepoTags) != 1 || len(manifest[0].Layers) != 2 {
		t.Fatalf("%s", files["manifest.json"])
	}
	var config image
	if err := json.Unmarshal(files[manifest[0].Config], &config); err != nil || config.Architecture != runtime.GOARCH {
		t.Errorf("configuration: %v, for %q", err, config.Architecture)
	}
	for _, layer := range manifest[0].Layers {
		if len(files[layer]) == 0 {
			t.Errorf("no layer %s", layer)
		}
	}
}
