package standalone

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/registry"
)

// manifestFile is a file of testdata/manifests: cases of one kind, applied to a
// server in which the objects of existing.yaml are there.
type manifestFile struct {
	Kind, Version string
	ClusterScoped bool
	Cases         []manifestCase
}

type manifestCase struct {
	Name           string
	Metadata, Spec map[string]any
	// Refused are texts of the answer if the manifest is refused, with Code (422
	// if absent). Silent are texts that must not be in it.
	Refused, Silent []string
	Code            int
	// Stored is part of the object that is stored otherwise, where "*" is any
	// text; Absent are paths that it lacks.
	Stored map[string]any
	Absent []string
	// Warns are texts of the warnings. Without any there must be no warning.
	Warns []string
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// raw is a client for paths and bodies as they are.
func (r *running) raw(t testing.TB) *rest.RESTClient {
	t.Helper()
	config := rawConfig(r.config)
	config.WarningHandler = rest.NoWarnings{}
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// post creates an object, of which the content names the kind, and returns what
// the server answers.
func post(t testing.TB, client *rest.RESTClient, path string, content any) rest.Result {
	t.Helper()
	body, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return client.Post().AbsPath(path).Param("fieldValidation", "Strict").SetHeader("Content-Type", "application/json").Body(body).Do(context.Background())
}

func collection(gv, namespace, resource string) string {
	root := "/apis/" + gv
	if gv == "v1" {
		root = "/api/v1"
	}
	if namespace != "" {
		root += "/namespaces/" + namespace
	}
	return root + "/" + resource
}

// Every manifest is accepted or refused as its file says, by the whole server.
func TestManifests(t *testing.T) {
	r := start(t, t.TempDir())
	client := r.raw(t)
	createExisting(t, client)
	cases := eachManifest(t, func(manifestCase) bool { return true }, func(t *testing.T, c manifestCase, kind, path string, content map[string]any) {
		c.check(t, post(t, client, path, content))
	})
	if cases < 200 {
		t.Errorf("there are only %d cases", cases)
	}
}

// createExisting creates what manifests refer to.
func createExisting(t *testing.T, client *rest.RESTClient) {
	t.Helper()
	var existing []map[string]any
	readYAML(t, "testdata/manifests/existing.yaml", &existing)
	for _, content := range existing {
		obj := unstructured.Unstructured{Object: content}
		if err := post(t, client, collection(obj.GetAPIVersion(), "default", strings.ToLower(obj.GetKind())+"s"), content).Error(); err != nil {
			t.Fatalf("create the %s %s: %v", obj.GetKind(), obj.GetName(), err)
		}
	}
}

// eachManifest runs try as a separate test for each wanted case of all files, with the path of
// the kind's collection and the content to create, which has a name. It returns how many those
// were.
func eachManifest(t *testing.T, wanted func(manifestCase) bool, try func(t *testing.T, c manifestCase, kind, path string, content map[string]any)) int {
	t.Helper()
	plurals := map[string]string{}
	for _, kind := range registry.Kinds() {
		plurals[kind.Name] = kind.Plural
	}
	files, err := filepath.Glob("testdata/manifests/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for _, path := range files {
		if filepath.Base(path) == "existing.yaml" {
			continue
		}
		var file manifestFile
		readYAML(t, path, &file)
		gv, namespace := "ark.mckinsey.com/v1alpha1", "default"
		if file.Version != "" {
			gv = "ark.mckinsey.com/" + file.Version
		}
		if file.ClusterScoped {
			namespace = ""
		}
		for i, c := range file.Cases {
			if !wanted(c) {
				continue
			}
			cases++
			t.Run(file.Kind+"/"+c.Name, func(t *testing.T) {
				if c.Metadata == nil {
					c.Metadata = map[string]any{}
				}
				if c.Metadata["name"] == nil {
					c.Metadata["name"] = fmt.Sprintf("case-%d", i)
				}
				content := map[string]any{"apiVersion": gv, "kind": file.Kind, "metadata": c.Metadata, "spec": c.Spec}
				try(t, c, file.Kind, collection(gv, namespace, plurals[file.Kind]), content)
			})
		}
	}
	return cases
}

func (c manifestCase) check(t *testing.T, result rest.Result) {
	t.Helper()
	var code int
	result.StatusCode(&code)
	body, err := result.Raw()
	text := string(body)
	if len(c.Refused) > 0 {
		want := c.Code
		if want == 0 {
			want = http.StatusUnprocessableEntity
		}
		if code != want {
			t.Fatalf("got %d, want %d: %s", code, want, text)
		}
		var status struct{ Message string }
		if err := json.Unmarshal(body, &status); err != nil {
			t.Fatalf("the answer is no Status: %v: %s", err, text)
		}
		for _, part := range c.Refused {
			if !strings.Contains(status.Message, part) {
				t.Errorf("no %q in: %s", part, status.Message)
			}
		}
		for _, part := range c.Silent {
			if strings.Contains(text, part) {
				t.Errorf("%q is in: %s", part, text)
			}
		}
		return
	}
	if err != nil {
		t.Fatalf("refused: %v: %s", err, text)
	}
	var stored map[string]any
	if err := json.Unmarshal(body, &stored); err != nil {
		t.Fatal(err)
	}
	contains(t, "", stored, c.Stored)
	for _, path := range c.Absent {
		if value, found, _ := unstructured.NestedFieldNoCopy(stored, strings.Split(path, ".")...); found {
			t.Errorf("%s is %v, want none", path, value)
		}
	}
	var warnings []string
	for _, w := range result.Warnings() {
		warnings = append(warnings, w.Text)
	}
	all := strings.Join(warnings, "\n")
	if len(c.Warns) == 0 && all != "" {
		t.Errorf("unexpected warning: %s", all)
	}
	for _, part := range c.Warns {
		if !strings.Contains(all, part) {
			t.Errorf("no %q in the warnings: %s", part, all)
		}
	}
}

// contains checks that got has all that want has.
func contains(t *testing.T, path string, got, want any) {
	t.Helper()
	switch want := want.(type) {
	case nil:
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s is %v, want %v", path, got, want)
			return
		}
		for key, value := range want {
			contains(t, path+"."+key, m[key], value)
		}
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			t.Errorf("%s is %v, want %v", path, got, want)
			return
		}
		for i, value := range want {
			contains(t, fmt.Sprintf("%s[%d]", path, i), list[i], value)
		}
	default:
		if want == "*" && got != nil && got != "" {
			return
		}
		if got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}
