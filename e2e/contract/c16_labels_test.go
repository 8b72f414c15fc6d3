package contract

import (
	"slices"
	"strings"
	"testing"
)

func labelSelectors(t *testing.T, p place) {
	for short, labels := range map[string]map[string]string{
		"a": {"tier": "front", "size": "3"},
		"b": {"tier": "back", "size": "10", "example.com/x": "y"},
		"c": {"size": "30"},
		"d": {"tier": ""},
	} {
		p.create(t, short, func(o object) {
			for name, value := range labels {
				setLabel(o, name, value)
			}
		})
	}
	for selector, want := range map[string]string{
		"tier=front":                 "a",
		"tier==back":                 "b",
		"tier!=front":                "b c d",
		"tier in (front,back)":       "a b",
		"tier in (front, )":          "a d",
		"tier notin (front,back)":    "c d",
		"tier":                       "a b d",
		"!tier":                      "c",
		"tier=":                      "d",
		"size>5":                     "b c",
		"size<10":                    "a",
		"size>3,size<30":             "b",
		"tier=back,example.com/x=y":  "b",
		"example.com/x in (y),!none": "b",
		"none":                       "",
	} {
		if got := strings.Join(p.names(p.list(t, "labelSelector="+selector)), " "); got != want {
			t.Errorf("%q selects %q, want %q", selector, got, want)
		}
		if got := strings.Join(p.names(p.list(t, "labelSelector="+selector, "resourceVersion=0")), " "); got != want {
			eventually(t, selector+" selects the same in the cache", func() bool {
				return strings.Join(p.names(p.list(t, "labelSelector="+selector, "resourceVersion=0")), " ") == want
			})
		}
	}
	for _, selector := range []string{"tier in", "tier in front", "=x", "a=b=c", "tier>many", "not a label", "tier in (a", "-x=y"} {
		a := p.get(t, p.query("labelSelector="+selector))
		a.refused(t, 400, "BadRequest")
		if w := p.get(t, p.query("labelSelector="+selector, "watch=true", "timeoutSeconds=1")); w.code != 400 {
			t.Errorf("a watch with %q: %d", selector, w.code)
		}
	}
	if got := p.names(p.list(t)); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("without a selector: %q", got)
	}
}
