package contract

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// malformed: what is wrong with a request is the client's to know.
func malformed(t *testing.T, p place) {
	p.create(t, "one")
	valid := string(encode(p.sample("new")))
	for name, c := range map[string]struct {
		r    request
		want int
	}{
		"no body":               {request{method: "POST", path: p.collection(), body: ""}, 400},
		"not JSON":              {request{method: "POST", path: p.collection(), body: "{"}, 400},
		"a comma missing":       {request{method: "POST", path: p.collection(), body: strings.Replace(valid, `,"kind":`, `"kind":`, 1)}, 400},
		"a list":                {request{method: "POST", path: p.collection(), body: "[]"}, 400},
		"null":                  {request{method: "POST", path: p.collection(), body: "null"}, 0},
		"another kind":          {request{method: "POST", path: p.collection(), body: strings.Replace(valid, `"kind":"`+p.kind.Kind+`"`, `"kind":"Pod"`, 1)}, 400},
		"another version":       {request{method: "POST", path: p.collection(), body: strings.Replace(valid, `/`+p.kind.Version+`"`, `/v9"`, 1)}, 400},
		"a name that is number": {request{method: "POST", path: p.collection(), body: strings.Replace(valid, `"name":"`+p.name("new")+`"`, `"name":7`, 1)}, 400},
		"a spec that is text":   {request{method: "POST", path: p.collection(), body: strings.Replace(valid, `"spec":{`, `"spec":"x","was":{`, 1)}, 400},
		"invalid UTF-8":         {request{method: "POST", path: p.collection(), body: strings.Replace(valid, `"place":"`, "\"place\":\"\xff", 1)}, 0},
		"content type":          {request{method: "POST", path: p.collection(), contentType: "text/plain", body: valid}, 415},
		"another namespace":     {request{method: "POST", path: p.collection(), body: strings.Replace(valid, `"namespace":"`+p.namespace, `"namespace":"default`, 1)}, 400},
		"patch: not JSON":       {request{method: "PATCH", path: p.path("one"), contentType: mergePatch, body: "{"}, 400},
		"patch: no operation":   {request{method: "PATCH", path: p.path("one"), contentType: jsonPatch, body: `[{"op":"dance","path":"/a"}]`}, 0},
		"patch: no list":        {request{method: "PATCH", path: p.path("one"), contentType: jsonPatch, body: `{}`}, 400},
		"patch: no path":        {request{method: "PATCH", path: p.path("one"), contentType: jsonPatch, body: `[{"op":"remove","path":"/metadata/nothing"}]`}, 422},
		"patch: no value":       {request{method: "PATCH", path: p.path("one"), contentType: jsonPatch, body: `[{"op":"test","path":""}]`}, 400},
		"patch: content type":   {request{method: "PATCH", path: p.path("one"), contentType: "application/patch", body: "{}"}, 415},
		"patch: a list":         {request{method: "PATCH", path: p.path("one"), contentType: mergePatch, body: `[]`}, 0},
		"patch: another name":   {request{method: "PATCH", path: p.path("one"), contentType: mergePatch, body: `{"metadata":{"name":"other"}}`}, 0},
		"apply: not YAML":       {request{method: "PATCH", path: p.path("one") + "?fieldManager=a", contentType: applyPatch, body: "{{"}, 400},
		"apply: no kind":        {request{method: "PATCH", path: p.path("one") + "?fieldManager=a", contentType: applyPatch, body: "{}"}, 400},
		"apply: wrong type":     {request{method: "PATCH", path: p.path("one") + "?fieldManager=a", contentType: applyPatch, body: strings.Replace(string(encode(p.sample("one"))), `"spec":{`, `"spec":[],"was":{`, 1)}, 0},
		"apply: no time":        {request{method: "PATCH", path: p.path("one") + "?fieldManager=a", contentType: applyPatch, body: strings.Replace(string(encode(p.sample("one"))), `"metadata":{`, `"metadata":{"creationTimestamp":"soon",`, 1)}, 400},
		"put: another name":     {request{method: "PUT", path: p.path("one"), body: valid}, 400},
		"put: resourceVersion":  {request{method: "PUT", path: p.path("one"), body: strings.Replace(string(encode(p.sample("one"))), `"metadata":{`, `"metadata":{"resourceVersion":"soon",`, 1)}, 0},
		"delete: not JSON":      {request{method: "DELETE", path: p.path("one"), body: "{"}, 400},
		"delete: policy":        {request{method: "DELETE", path: p.path("one"), body: `{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Explode"}`}, 422},
		"limit":                 {request{method: "GET", path: p.collection() + "?limit=many"}, 400},
		"negative limit":        {request{method: "GET", path: p.collection() + "?limit=-1"}, 0},
		"timeoutSeconds":        {request{method: "GET", path: p.collection() + "?watch=true&timeoutSeconds=soon"}, 400},
		"watch":                 {request{method: "GET", path: p.collection() + "?watch=perhaps&timeoutSeconds=1"}, 0},
		"resourceVersion":       {request{method: "GET", path: p.collection() + "?resourceVersion=-1"}, 400},
		"a huge version":        {request{method: "GET", path: p.collection() + "?resourceVersion=99999999999999999999"}, 400},
		"name of a query":       {request{method: "GET", path: p.path("one") + "%00"}, 0},
		"no such subresource":   {request{method: "GET", path: p.path("one", "logs")}, 404},
		"no such verb":          {request{method: "POST", path: p.path("one")}, 405},
		"a strange verb":        {request{method: "BREW", path: p.collection()}, 0},
	} {
		if p.kind.ClusterScoped && name == "another namespace" {
			continue
		}
		if p.system.asUpstream() && name == "patch: no value" {
			if a, err := p.try(t.Context(), c.r); !brokenOff(err) {
				t.Errorf("%s: the reference panicked so far, and says %d, %v now: expect of it what is expected of the others", name, a.code, err)
			}
			continue
		}
		a := p.do(t, c.r)
		p.tolerable(t, name, c.r, a)
		if c.want != 0 && a.code != c.want && !p.system.asUpstream() { // CRDs find other words for a few; none is 500 either.
			t.Errorf("%s: %d, want %d: %s", name, a.code, c.want, excerpt(a.body))
		}
	}
	deep := strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000)
	for _, r := range []request{
		{method: "POST", path: p.collection(), body: strings.Replace(valid, `"spec":{`, `"spec":{"deep":`+deep+`,`, 1)},
		{method: "PATCH", path: p.path("one"), contentType: mergePatch, body: `{"spec":` + deep + `}`},
		{method: "PATCH", path: p.path("one") + "?fieldManager=a", contentType: applyPatch, body: deep},
	} {
		p.tolerable(t, "very deep", r, p.do(t, r))
	}
	p.read(t, "one")
}

// referenceFails is what the handlers of CRDs answer 500 to: an apply that does not fit the schema,
// and a resourceVersion that is no number.
var referenceFails = regexp.MustCompile(`failed to create typed patch object|strconv\.ParseUint: parsing`)

// brokenOff reports whether a server ended a stream instead of answering, as one does whose handler
// panics.
func brokenOff(err error) bool { return err != nil && strings.Contains(err.Error(), "INTERNAL_ERROR") }

// tolerable fails the test for an answer that blames the server, or is none that a client could
// read.
func (s *server) tolerable(t *testing.T, name string, r request, a answer) {
	t.Helper()
	if a.code >= 500 && !s.system.stock && !(s.system.reference && referenceFails.Match(a.body)) {
		t.Errorf("%s: %s %s %q: %d: %s", name, r.method, r.path, r.contentType, a.code, excerpt(a.body))
	}
	if a.code >= 400 && a.code != 404 && a.code != 405 {
		a.status(t)
	}
}

// fuzzed sends requests that are nearly right. A failure prints the seed with which it can be
// repeated.
func fuzzed(t *testing.T, s *server) {
	const requests = 1000
	seed := uint64(time.Now().UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the seed of the fuzz is %d", seed)
		}
	})
	random := rand.New(rand.NewPCG(seed, 0))
	where := s.placeForAll(t)
	for _, kind := range kinds() {
		where.of(kind).create(t, "one")
	}
	for range requests {
		p := where.of(kinds()[random.IntN(len(kinds()))])
		r := p.nearlyRight(random)
		a, err := s.try(t.Context(), r)
		if s.system.asUpstream() && brokenOff(err) {
			t.Logf("the reference: %s %s %.300q: %v", r.method, r.path, r.body, err)
			continue
		}
		if err != nil {
			t.Fatalf("%s %s %q %.300q: %v", r.method, r.path, r.contentType, r.body, err)
		}
		if a.code == 504 && strings.Contains(string(a.body), "Too large resource version") {
			continue
		}
		if s.system.asUpstream() && a.code >= 500 {
			t.Logf("the reference: %s: %d: %s", a.request, a.code, excerpt(a.body))
			continue
		}
		s.tolerable(t, fmt.Sprintf("fuzz, body %.300q", r.body), r, a)
	}
	s.self().get(t, "/livez").want(t, 200)
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }

// nearlyRight is a valid request with a few things changed at random.
func (p place) nearlyRight(random *rand.Rand) request {
	r := request{method: pick(random, "GET", "POST", "PUT", "PATCH", "PATCH", "DELETE")}
	r.path = pick(random, p.collection(), p.path("one"), p.path("one", "status"), p.path("new"))
	parameters := url.Values{}
	for range random.IntN(3) {
		parameters.Add(pick(random, "limit", "continue", "fieldSelector", "labelSelector", "resourceVersionMatch", "dryRun", "fieldManager", "force", "fieldValidation", "propagationPolicy", "gracePeriodSeconds", "allowWatchBookmarks", "pretty", "sendInitialEvents"),
			pick(random, "", "0", "1", "-1", "true", "All", "Exact", "a=b", "Strict", "\x00", "💥", "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ", strings.Repeat("x", 300)))
	}
	if len(parameters) > 0 {
		r.path += "?" + parameters.Encode()
	}
	if r.method == "GET" {
		return r
	}
	body := encode(p.withStatus(p.sample(pick(random, "one", "new"))))
	if r.method == "PATCH" {
		r.contentType = pick(random, mergePatch, jsonPatch, applyPatch, strategicPatch)
		if r.contentType == jsonPatch {
			body = fmt.Appendf(nil, `[{"op":%q,"path":%q,"from":"/metadata","value":%s}]`, pick(random, "add", "remove", "replace", "move", "copy", "test"),
				pick(random, "", "/", "/metadata", "/spec", "/status/x", "/metadata/labels/-", "/spec/~1", "/metadata/resourceVersion"), body)
		}
	}
	for range random.IntN(4) {
		body = mutated(random, body)
	}
	r.body = body
	return r
}

// mutated changes a few bytes of a text, or swaps a value in it.
func mutated(random *rand.Rand, text []byte) []byte {
	if len(text) == 0 {
		return []byte("x")
	}
	at := random.IntN(len(text))
	switch random.IntN(6) {
	case 0:
		return text[:at]
	case 1:
		return append(append(text[:at:at], byte(random.IntN(256))), text[at:]...)
	case 2:
		changed := append([]byte(nil), text...)
		changed[at] = byte(random.IntN(256))
		return changed
	case 3:
		end := min(len(text), at+random.IntN(40))
		return append(append(append([]byte(nil), text[:end]...), text[at:end]...), text[end:]...)
	default:
		from := pick(random, `"`, `{`, `}`, `[`, `:`, `true`, `1`, `"spec"`, `"metadata"`, `"name"`, `"conditions"`, `"uid"`)
		to := pick(random, `null`, `-1`, `1e999`, `[]`, `{}`, `""`, `"\ud800"`, `"resourceVersion"`, `"managedFields"`, `"deletionTimestamp"`, `"finalizers"`, `"creationTimestamp"`)
		return []byte(strings.Replace(string(text), from, to, 1))
	}
}
