package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The SBOM of this test's own binary names what is linked into it.
func TestSBOM(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := write(self, &out); err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.Format != "CycloneDX" || !strings.Contains(d.Metadata.Component.Name, "ark-server") || len(d.Components) == 0 || d.Components[0].Name != "go" {
		t.Errorf("it is %s", out.String())
	}
	if err := write(os.DevNull, &out); err == nil {
		t.Error("no binary has an SBOM too")
	}
}
