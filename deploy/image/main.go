// Command image makes the container image of ark-server without a container engine, and pushes it:
//
//	image.go, archive.go  the image and the archive of it
//	content               what is in it; rootfs lays that out for the Dockerfile
//	build                 compiles the server
//
// It is a module of its own, so that what it needs stays out of the server's.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	imagename "github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/mckinsey/ark-server/deploy/image/build"
)

type options struct {
	root, version, name, out, archs, binary string
	push                                    bool
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", "../..", "`folder` of the repository")
	flag.StringVar(&o.version, "version", "dev", "`version` of the server")
	flag.StringVar(&o.name, "name", "ark-server:dev", "`name` of the image: REPOSITORY:TAG")
	flag.StringVar(&o.out, "o", "ark-server-image.tar", "archive `file` to write")
	flag.StringVar(&o.archs, "arch", "amd64,arm64", "`architectures`")
	flag.StringVar(&o.binary, "binary", "", "server `file` to take instead of building it; only with one architecture")
	flag.BoolVar(&o.push, "push", false, "push the image to the registry in its name instead of writing an archive; credentials are those of docker login")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	archs := strings.Split(o.archs, ",")
	if o.binary != "" && len(archs) != 1 {
		return fmt.Errorf("-binary=%s is for one architecture, and -arch=%s names %d", o.binary, o.archs, len(archs))
	}
	ref, err := imagename.NewTag(o.name)
	if err != nil {
		return fmt.Errorf("-name=%s: %w", o.name, err)
	}
	created, err := sourceDate()
	if err != nil {
		return err
	}
	images := map[string]v1.Image{}
	for _, arch := range archs {
		binary, err := o.server(arch)
		if err != nil {
			return err
		}
		if images[arch], err = newImage(arch, o.version, binary, created); err != nil {
			return fmt.Errorf("make the image for %s: %w", arch, err)
		}
	}
	index := newIndex(images, archs)
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	if o.push {
		if err := remote.WriteIndex(ref, index, remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
			return fmt.Errorf("push %s: %w", ref, err)
		}
		fmt.Printf("%s is pushed, for %s: %s\n", ref, o.archs, digest)
		return nil
	}
	loaded := images[archs[0]]
	if slices.Contains(archs, runtime.GOARCH) {
		loaded = images[runtime.GOARCH]
	}
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return err
	}
	if err := writeArchive(o.out, o.name, index, loaded, created); err != nil {
		return errors.Join(err, os.Remove(o.out))
	}
	fmt.Printf("%s holds %s, for %s: %s\n", o.out, o.name, o.archs, digest)
	return nil
}

func (o options) server(arch string) ([]byte, error) {
	if o.binary != "" {
		return os.ReadFile(o.binary)
	}
	return build.Server(o.root, arch, o.version)
}

// sourceDate returns the modification time of all files: SOURCE_DATE_EPOCH, or the Unix epoch, so
// that the digest of the image depends only on the sources.
func sourceDate() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH=%s: not a number of seconds", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// tagOf returns the tag of an image name.
func tagOf(name string) string {
	if at := strings.LastIndex(name, ":"); at > strings.LastIndex(name, "/") {
		return name[at+1:]
	}
	return "latest"
}
