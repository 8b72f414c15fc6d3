package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/deploy/image/content"
)

// TestDockerfile checks that the last stage of the Dockerfile equals the image that this module
// builds.
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	_, stage, found := strings.Cut(string(text), "FROM scratch\n")
	if !found {
		t.Fatal("no last stage FROM scratch")
	}
	list := func(words []string) string {
		text, err := json.Marshal(words)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(text), `","`, `", "`)
	}
	h := content.Health
	want := []string{
		"COPY --from=build /rootfs/ /",
		"ENV " + strings.Join(content.Env(), " "),
		"WORKDIR " + content.Data,
		"VOLUME " + content.Data,
		"EXPOSE " + content.Port,
		fmt.Sprintf("HEALTHCHECK --interval=%.0fs --timeout=%.0fs --start-period=%.0fm --retries=%d CMD %s", h.Interval.Seconds(), h.Timeout.Seconds(), h.Start.Minutes(), h.Retries, list(h.Command)),
		"ENTRYPOINT " + list([]string{content.Program}),
	}
	var got []string
	for line := range strings.Lines(stage) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			got = append(got, line)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the Dockerfile has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestBaseImages checks that the image has no base, and that the images that build it are pinned by
// digest.
func TestBaseImages(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	pinned := regexp.MustCompile(`^FROM --platform=\$BUILDPLATFORM golang:1\.\d+\.\d+@sha256:[0-9a-f]{64} AS build$`)
	var last string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "FROM ") {
			continue
		}
		last = line
		if line != "FROM scratch" && !pinned.MatchString(line) {
			t.Errorf("%s: name the release and its digest", line)
		}
	}
	if last != "FROM scratch" {
		t.Errorf("the image is made %s", last)
	}
}
