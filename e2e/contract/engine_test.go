package contract

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
)

// still is how long an object must not change before the engine is taken to be done with it.
const still = 150 * time.Millisecond

// afterEngine waits, after a write, until the engine has nothing more to say of the object, and
// returns what is stored then: who writes with a resourceVersion next would have to read it first.
func (s *server) afterEngine(ctx context.Context, r request, a answer) answer {
	path, parameters, _ := strings.Cut(r.path, "?")
	if r.method == http.MethodGet || r.method == http.MethodDelete || a.code != http.StatusOK && a.code != http.StatusCreated ||
		!strings.HasPrefix(path, "/apis/ark.mckinsey.com/") || strings.Contains(parameters, "dryRun") {
		return a
	}
	type stored struct {
		Kind     string
		Metadata struct{ Name, Namespace, ResourceVersion string }
	}
	read := func(body []byte) (o stored) {
		_ = json.Unmarshal(body, &o) // what is no object has no name
		return o
	}
	version := read(a.body)
	if version.Metadata.Name == "" || version.Metadata.ResourceVersion == "" {
		return a
	}
	if r.method == http.MethodPost {
		path += "/" + version.Metadata.Name
	}
	for since := time.Now(); time.Since(since) < still && ctx.Err() == nil; time.Sleep(still / 5) {
		response, err := s.send(ctx, request{method: http.MethodGet, path: path, accept: r.accept})
		if err != nil {
			return a
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close() // it is read
		if now := read(body); err != nil || response.StatusCode != http.StatusOK || now.Kind != version.Kind {
			return a // it is gone, or what was written is not what is stored there
		} else if now.Metadata.ResourceVersion != version.Metadata.ResourceVersion {
			version, since, a.body = now, time.Now(), body
		}
	}
	return a
}
