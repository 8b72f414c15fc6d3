package assembly

import (
	"strings"

	apimachineryversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/util/compatibility"
	basecompatibility "k8s.io/component-base/compatibility"

	"github.com/mckinsey/ark-server/internal/version"
)

// effectiveVersion is the version of Kubernetes that the server behaves as,
// with a /version that is right however the binary was built.
//
// The stock answer comes from linker flags; without them it is v0.0.0-master,
// which kubectl and Helm cannot parse. Ark's own version must not go there
// either: feature gates would take it for Kubernetes' and switch off.
type effectiveVersion struct {
	basecompatibility.EffectiveVersion
	info apimachineryversion.Info
}

func newEffectiveVersion() effectiveVersion {
	stock := compatibility.DefaultBuildEffectiveVersion()
	info := *stock.Info()
	info.GitVersion = version.Kubernetes()
	parts := strings.SplitN(strings.TrimPrefix(info.GitVersion, "v"), ".", 3)
	info.Major, info.Minor = parts[0], parts[1]
	info.GitCommit, info.GitTreeState, info.BuildDate = version.Commit(), "", version.Date()
	return effectiveVersion{EffectiveVersion: stock, info: info}
}

// Info implements basecompatibility.EffectiveVersion; /version serves it.
func (v effectiveVersion) Info() *apimachineryversion.Info {
	info := v.info
	return &info
}
