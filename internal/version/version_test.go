package version

import (
	"os"
	"strings"
	"testing"
)

func TestKubernetesIsTheVersionInGoMod(t *testing.T) {
	content, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	want := "k8s.io/apiserver v0." + strings.TrimPrefix(kubernetesFallback, "v1.")
	if !strings.Contains(string(content), want) {
		t.Errorf("go.mod does not require %s: update kubernetesFallback", want)
	}
	if got := Kubernetes(); got != kubernetesFallback {
		t.Errorf("Kubernetes() = %s, want %s", got, kubernetesFallback)
	}
}

func TestArk(t *testing.T) {
	if Ark() == "" {
		t.Error("there is no version")
	}
}
