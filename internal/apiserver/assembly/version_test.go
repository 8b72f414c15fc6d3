package assembly

import (
	"testing"

	"k8s.io/apimachinery/pkg/util/version"
)

// kubectl and Helm parse the response of /version.
func TestVersionCanBeParsed(t *testing.T) {
	v := newEffectiveVersion()
	info := v.Info()
	parsed, err := version.ParseSemantic(info.GitVersion)
	if err != nil {
		t.Fatal(err)
	}
	if info.Major != "1" || parsed.Major() != 1 || !v.BinaryVersion().WithPatch(0).EqualTo(parsed.WithPatch(0)) {
		t.Errorf("/version says %s (%s.%s), the feature gates go by %s", info.GitVersion, info.Major, info.Minor, v.BinaryVersion())
	}
}
