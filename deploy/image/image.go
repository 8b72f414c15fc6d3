package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/mckinsey/ark-server/deploy/image/content"
)

// newImage builds the image of one architecture. It has a layer that seldom changes, and a layer
// with the server.
func newImage(arch, version string, binary []byte, created time.Time) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, part := range []struct {
		by    string
		files []content.File
	}{{"certificates, /data and /tmp", content.Base()}, {"ark-server " + version, content.Server(binary)}} {
		layer, err := newLayer(part.files, created)
		if err != nil {
			return nil, err
		}
		if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: part.by, Created: v1.Time{Time: created}}}); err != nil {
			return nil, err
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", arch, v1.Time{Time: created}
	h := content.Health
	config.Config = v1.Config{
		Entrypoint:   []string{content.Program},
		Env:          content.Env(),
		WorkingDir:   content.Data,
		Volumes:      map[string]struct{}{content.Data: {}},
		ExposedPorts: map[string]struct{}{content.Port: {}},
		Healthcheck:  &v1.HealthConfig{Test: append([]string{"CMD"}, h.Command...), Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.Start, Retries: h.Retries},
		Labels: map[string]string{
			"org.opencontainers.image.title":   "ark-server",
			"org.opencontainers.image.version": version,
			"org.opencontainers.image.source":  "https://github.com/mckinsey/ark-server",
		},
	}
	return mutate.ConfigFile(image, config)
}

// newLayer packs files into a layer. The digest depends only on the arguments.
func newLayer(files []content.File, created time.Time) (v1.Layer, error) {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, f := range files {
		header := &tar.Header{Name: f.Path, Mode: f.Mode, Size: int64(len(f.Content)), ModTime: created, Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if f.IsFolder() {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.Path, err)
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.Path, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

// newIndex returns the index of the images of several architectures.
func newIndex(images map[string]v1.Image, archs []string) v1.ImageIndex {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range archs {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        images[arch],
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return index
}
