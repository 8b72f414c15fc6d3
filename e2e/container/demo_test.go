package container

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// TestDemo: in a clean root without a network, the demo answers README's example by the command
// that it prints.
func TestDemo(t *testing.T) {
	i := native(t)
	for name, o := range map[string]options{
		"as it is":                    {image: i},
		"read-only, but for the /tmp": {image: i, readOnly: true, mounts: []mount{{Source: newVolume(t, 0, fs.ModeSticky|0o777), Target: "tmp"}}},
	} {
		t.Run(name, func(t *testing.T) {
			o.args = []string{"demo"}
			s := start(t, o)
			out := s.await(t, regexp.MustCompile(`ark-server query (\S+) "([^"]+)" (--data-dir=\S+)`))
			for _, more := range [][]string{nil, {"--stream"}} {
				command := append([]string{"ark-server", "query", out[1], out[2], out[3]}, more...)
				answer, errs, code := s.exec(t, command...)
				if code != 0 || strings.TrimSpace(answer) != "I have looked it up. Oslo: 17 degrees, cloudy." {
					t.Errorf("%q: exit code %d: %q, %s", command, code, answer, errs)
				}
			}
			s.stop(t)
		})
	}
}
