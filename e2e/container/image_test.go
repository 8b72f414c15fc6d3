package container

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

var archive = flag.String("image", "", "OCI archive to test, as make image writes it; without it one is made of bin/ark-server")

func TestMain(m *testing.M) {
	if os.Getenv(initVariable) != "" {
		fmt.Fprintln(os.Stderr, "engine:", becomeContainer())
		os.Exit(126)
	}
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Getuid() != 0 {
		fmt.Fprintln(os.Stderr, "these tests make mounts and namespaces as a container engine does: run them as root, or leave them out: go test -skip . ./container")
		return 1
	}
	if err := component.BuildBinaries("kubectl"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if *archive == "" {
		dir, err := os.MkdirTemp("", "ark-image-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		*archive = filepath.Join(dir, "image.tar")
		if err := makeImage(*archive); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// makeImage makes the image of this machine's architecture with the binary that "make build" has
// left.
func makeImage(path string) error {
	root, err := component.Root()
	if err != nil {
		return err
	}
	binary, err := component.ServerBinary()
	if err != nil {
		return err
	}
	cmd := exec.Command("go", "run", ".", "-arch="+runtime.GOARCH, "-binary="+binary, "-o="+path)
	cmd.Dir = filepath.Join(root, "deploy", "image")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("make the image: %w", err)
	}
	return nil
}

// image is an image of the archive.
type image struct {
	Architecture string
	Config       struct {
		Entrypoint, Cmd, Env []string
		User, WorkingDir     string
		Volumes              map[string]struct{}
		ExposedPorts         map[string]struct{}
		Healthcheck          struct{ Test []string }
	}
	layers [][]byte
}

type descriptor struct {
	MediaType string
	Digest    string
	Platform  struct{ OS, Architecture string }
}

// readArchive returns the files of the archive.
func readArchive(t *testing.T) map[string][]byte {
	t.Helper()
	file, err := os.Open(*archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	files := map[string][]byte{}
	for r := tar.NewReader(file); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// readImages returns the images of an OCI archive by architecture.
func readImages(t *testing.T, files map[string][]byte) map[string]*image {
	t.Helper()
	blob := func(digest string) []byte { return files["blobs/"+strings.ReplaceAll(digest, ":", "/")] }
	var outer, index struct{ Manifests []descriptor }
	decode(t, files["index.json"], &outer)
	if len(outer.Manifests) != 1 || outer.Manifests[0].MediaType != "application/vnd.oci.image.index.v1+json" {
		t.Fatalf("index.json: %s", files["index.json"])
	}
	decode(t, blob(outer.Manifests[0].Digest), &index)
	images := map[string]*image{}
	for _, m := range index.Manifests {
		var manifest struct {
			Config descriptor
			Layers []descriptor
		}
		decode(t, blob(m.Digest), &manifest)
		i := &image{}
		decode(t, blob(manifest.Config.Digest), i)
		if m.Platform.OS != "linux" || m.Platform.Architecture != i.Architecture {
			t.Errorf("the index says %+v of an image for %s", m.Platform, i.Architecture)
		}
		for _, layer := range manifest.Layers {
			i.layers = append(i.layers, blob(layer.Digest))
		}
		images[i.Architecture] = i
	}
	return images
}

// native is the image for this machine.
func native(t *testing.T) *image {
	t.Helper()
	i := readImages(t, readArchive(t))[runtime.GOARCH]
	if i == nil {
		t.Fatalf("%s has no image for %s", *archive, runtime.GOARCH)
	}
	return i
}

// unpack lays the image out in a folder, with owners and modes.
func (i *image) unpack(t *testing.T, dir string) {
	t.Helper()
	for _, layer := range i.layers {
		packed, err := gzip.NewReader(strings.NewReader(string(layer)))
		if err != nil {
			t.Fatal(err)
		}
		for r := tar.NewReader(packed); ; {
			header, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, header.Name)
			if header.Typeflag == tar.TypeDir {
				err = os.MkdirAll(path, 0o755)
			} else {
				err = writeFrom(path, r)
			}
			// The owner first: it takes the special bits of the mode away.
			if err = errors.Join(err, os.Lchown(path, header.Uid, header.Gid), os.Chmod(path, header.FileInfo().Mode())); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func writeFrom(path string, r io.Reader) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, r)
	return errors.Join(err, file.Close())
}
