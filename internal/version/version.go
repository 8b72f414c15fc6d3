// Package version identifies this ark-server and the Kubernetes that it was built
// from.
//
// The package may import the standard library only.
package version

import (
	"regexp"
	"runtime"
	"runtime/debug"
)

// version is set by the linker:
//
//	go build -ldflags "-X github.com/mckinsey/ark-server/internal/version.version=v0.1.0"
//
// Without it the module's version is used, where the build knows one.
var version = ""

// Ark returns the version of ark-server, such as v0.1.0, or "dev".
func Ark() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			return v
		}
	}
	return "dev"
}

// UserAgent is how this process names itself to the servers that it calls, such as
// ark-server/v0.1.0 (linux/amd64).
func UserAgent() string {
	return "ark-server/" + Ark() + " (" + runtime.GOOS + "/" + runtime.GOARCH + ")"
}

// Commit returns the revision that the binary was built from, or "".
func Commit() string { return setting("vcs.revision") }

// Date returns the time of that revision in RFC 3339, or "".
func Date() string { return setting("vcs.time") }

func setting(key string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// kubernetesFallback is for builds that record no dependencies; a test holds it
// to the version in go.mod.
const kubernetesFallback = "v1.37.2"

// Kubernetes returns the version of Kubernetes that the API server's code comes
// from, such as v1.37.2. k8s.io/apiserver v0.x.y is that of Kubernetes v1.x.y.
func Kubernetes() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return kubernetesFallback
	}
	for _, m := range info.Deps {
		if m.Path == "k8s.io/apiserver" {
			if parts := moduleVersion.FindStringSubmatch(m.Version); parts != nil {
				return "v1." + parts[1]
			}
		}
	}
	return kubernetesFallback
}

var moduleVersion = regexp.MustCompile(`^v0\.(\d+\.\d+)$`)
