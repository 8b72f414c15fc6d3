package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	imagename "github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// TestArchiveAndPush writes the archive and pushes the image to a registry. It checks that both are
// the same image, and that every blob matches its digest.
func TestArchiveAndPush(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	dir := t.TempDir()
	binary := filepath.Join(dir, "ark-server")
	if err := os.WriteFile(binary, []byte("a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(server.URL, "http://") + "/ark/ark-server:v1"
	o := options{version: "v1", name: name, out: filepath.Join(dir, "bin", "image.tar"), archs: "amd64", binary: binary}
	if err := run(o); err != nil {
		t.Fatal(err)
	}
	o.push = true
	if err := run(o); err != nil {
		t.Fatal(err)
	}
	tag, err := imagename.NewTag(name)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	loaded, err := tarball.ImageFromPath(o.out, &tag) // as docker load reads it
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(loaded); err != nil {
		t.Error(err)
	}
	config, err := loaded.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Architecture != "amd64" || config.Config.Labels["org.opencontainers.image.version"] != "v1" || config.Config.Healthcheck == nil {
		t.Errorf("%+v", config)
	}
}

// TestReproducible writes the archive twice and compares the results.
func TestReproducible(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "ark-server")
	if err := os.WriteFile(binary, []byte("a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	var made []string
	for _, out := range []string{"one.tar", "two.tar"} {
		o := options{version: "v1", name: "ark-server:v1", out: filepath.Join(dir, out), archs: "arm64", binary: binary}
		if err := run(o); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(o.out)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, string(content))
	}
	if made[0] != made[1] {
		t.Error("the same sources make two images")
	}
}
