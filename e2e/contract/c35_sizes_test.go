package contract

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// sizes: big objects, and every character there is.
func sizes(t *testing.T, p place) {
	for name, text := range texts() {
		short := "text-" + name
		o := p.post(t, p.sample(short, func(o object) { o.SetAnnotations(map[string]string{"text": text}) })).want(t, 201).object(t)
		if got := p.read(t, short).GetAnnotations()["text"]; got != text || o.GetAnnotations()["text"] != text {
			t.Errorf("the annotation %s came back as %q", name, got)
		}
	}
	// In every string of the spec and the status that the schema leaves free.
	const odd = "a\u0000b\u0001\u001f\"\\/\u2028\ufeff\U0010ffff é 漢字 🚀"
	for _, path := range freeStrings(p.sample("x").Object["spec"], []string{"spec"}) {
		o := p.sample("odd-" + strings.ToLower(strings.Join(path[1:], "-")))
		setDeep(o.Object, odd, path)
		a := p.post(t, o)
		if a.code == 422 {
			continue // A name, an enum, a URL.
		}
		created := a.want(t, 201).object(t)
		for what, got := range map[string]object{"create": created, "get": p.read(t, p.short(o))} {
			if getDeep(got.Object, path) != odd {
				t.Errorf("%s: %v came back as %q", what, path, getDeep(got.Object, path))
			}
		}
	}

	const mebibyte = 1 << 20
	big := p.sample("big", func(o object) {
		fill := strings.Repeat("x", 200_000) // All annotations together may have 256 KiB; labels and finalizers have no such bound.
		o.SetAnnotations(map[string]string{"fill": fill})
		p.fill(o, mebibyte-len(fill)-2000)
	})
	created := p.post(t, big).want(t, 201).object(t)
	if size := len(encode(created)); size < mebibyte-4000 {
		t.Errorf("the big object has %d bytes only", size)
	}
	if !contains(p.read(t, "big"), big) {
		t.Error("the big object came back otherwise")
	}
	p.label(t, "big", "a", "b")
	huge := p.sample("huge", func(o object) { p.fill(o, 4*mebibyte) })
	if a := p.post(t, huge); a.refused(t, 413, metav1.StatusReasonRequestEntityTooLarge).Message == "" {
		t.Error("413 without a message")
	}
	// What fits into a request but not into the storage.
	a := p.post(t, p.sample("huge", func(o object) { p.fill(o, 2*mebibyte) }))
	if p.system.reference {
		a.refused(t, 500, "", "etcdserver: request is too large")
	} else if a.code != 413 && a.code != 201 {
		t.Errorf("2 MiB: %d: %s", a.code, excerpt(a.body))
	}
	p.get(t, p.query()).want(t, 200)
}

// fill makes an object so many bytes larger, in a list of owner references, which every kind has.
func (p place) fill(o object, size int) {
	const each = 250
	var owners []metav1.OwnerReference
	for i := range size / (each + 120) {
		owners = append(owners, metav1.OwnerReference{APIVersion: "example.com/v1", Kind: "Nothing", Name: strings.Repeat("x", each), UID: types.UID(fmt.Sprintf("00000000-0000-0000-0000-%012d", i))})
	}
	o.SetOwnerReferences(owners)
}

// texts hold every valid character, in blocks that fit into an annotation.
func texts() map[string]string {
	all := map[string]string{}
	const block, firstOfLast = 0x8000, 0x108000                      // What annotations take together is bounded.
	for _, first := range []rune{0, block, 2 * block, firstOfLast} { // The planes in between differ in nothing.
		var b strings.Builder
		for r := first; r < first+block; r++ {
			if utf8.ValidRune(r) {
				b.WriteRune(r)
			}
		}
		all[fmt.Sprintf("%x", first)] = b.String()
	}
	return all
}

// freeStrings are the paths of all strings in a value.
func freeStrings(v any, at []string) [][]string {
	var all [][]string
	switch v := v.(type) {
	case string:
		all = append(all, at)
	case map[string]any:
		for name, inner := range v {
			all = append(all, freeStrings(inner, append(at[:len(at):len(at)], name))...)
		}
	case []any:
		for i, inner := range v {
			all = append(all, freeStrings(inner, append(at[:len(at):len(at)], fmt.Sprint(i)))...)
		}
	}
	return all
}

func getDeep(v any, path []string) any {
	for _, part := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[part]
		case []any:
			v = at[part[0]-'0']
		default:
			return nil
		}
	}
	return v
}

func setDeep(v any, value string, path []string) {
	last := path[len(path)-1]
	switch at := getDeep(v, path[:len(path)-1]).(type) {
	case map[string]any:
		at[last] = value
	case []any:
		at[last[0]-'0'] = value
	}
}
