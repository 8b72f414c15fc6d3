package console

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

const (
	// firstLoad bounds the bytes that a browser loads for the first page, oneChunk each part that is
	// loaded later, and everything all of them: scripts and styles in brotli.
	firstLoad  = 180 << 10
	oneChunk   = 145 << 10
	everything = 450 << 10
)

var namesAsset = regexp.MustCompile(`assets/[\w.-]+\.(?:js|css)`)

// TestBudget checks the size of the pages. They have to be built with "make console" before.
func TestBudget(t *testing.T) {
	built, err := readAssets()
	if err != nil {
		t.Fatal(err)
	}
	if len(built) == 0 {
		t.Skip("the pages are not built: make console")
	}
	index, err := unzipped(built["index.html"].zipped)
	if err != nil {
		t.Fatal(err)
	}
	first := map[string]bool{}
	for _, name := range namesAsset.FindAllString(index, -1) {
		first[name] = true
	}
	if len(first) < 2 {
		t.Fatalf("the page loads %v: want a script and a style at least", first)
	}
	if strings.Contains(index, "<style") || regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(index) {
		t.Error("the page has inline scripts or styles, which its policy refuses")
	}
	loaded, all := 0, 0
	for name, a := range built {
		if ext := path.Ext(name); ext != ".js" && ext != ".css" {
			continue
		}
		size := len(a.brotli)
		all += size
		if first[name] {
			loaded += size
		} else if size > oneChunk {
			t.Errorf("%s has %d bytes, more than %d", name, size, oneChunk)
		}
	}
	t.Logf("first load %d bytes of %d, all %d of %d", loaded, firstLoad, all, everything)
	if loaded > firstLoad {
		t.Errorf("the first load has %d bytes, more than %d", loaded, firstLoad)
	}
	if all > everything {
		t.Errorf("everything has %d bytes, more than %d", all, everything)
	}
}
