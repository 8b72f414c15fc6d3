package reporting

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
)

// listening serves a server over HTTP, to a user that may list everything.
func listening(t *testing.T) *httptest.Server {
	t.Helper()
	s := open(t, &rights{"* list * *"})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(apirequest.WithUser(r.Context(), &user.DefaultInfo{Name: "x"})))
	}))
	t.Cleanup(web.Close)
	return web
}

func posted(t *testing.T, web *httptest.Server, accept, body string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL+Prefix+"a/sqlqueries", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	answer, err := web.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

// slow returns a row at once, and the next one only after any deadline.
const slow = `with recursive n(i) as (select 1 union all select i+1 from n) select i from n where i = 1 or i = -1`

// Rows are sent while their statement runs. If it fails then, NDJSON has the error in its last
// line, and CSV closes the connection.
func TestRowsAreStreamed(t *testing.T) {
	web := listening(t)
	for accept, want := range map[string][]string{
		"application/x-ndjson": {`{"i":1}`, `{"error":"Timeout: the statement took too long: narrow it by WHERE, or raise timeoutSeconds, to 30 at most"}`},
		"text/csv":             {"i", "1"},
	} {
		begin := time.Now()
		answer := posted(t, web, accept, `{"spec":{"timeoutSeconds":2,"query":"`+slow+`"}}`)
		if answer.StatusCode != http.StatusCreated || answer.Header.Get("X-Ark-Resource-Version") != "7" || answer.Header.Get(truncatedHeader) != "" {
			t.Fatalf("%s: %d %v", accept, answer.StatusCode, answer.Header)
		}
		in := bufio.NewReader(answer.Body)
		for i, line := range want {
			got, err := in.ReadString('\n')
			if err != nil || got != line+"\n" {
				t.Errorf("%s: line %d is %q, %v, want %q", accept, i, got, err, line)
			}
			if took := time.Since(begin); i == 0 && took > 1500*time.Millisecond {
				t.Errorf("%s: the first line came after %s, the statement ends after 2s", accept, took)
			}
		}
		_, err := in.ReadByte()
		if complete := err == io.EOF; complete != (accept == "application/x-ndjson") {
			t.Errorf("%s: ends with %v", accept, err)
		}
		if accept == "application/x-ndjson" && answer.Trailer.Get(truncatedHeader) != "true" {
			t.Errorf("%s: trailers %v", accept, answer.Trailer)
		}
	}
}

// An answer that was truncated has that in its headers if it is complete at once, and otherwise in
// a trailer.
func TestTruncatedAnswersSaySo(t *testing.T) {
	web := listening(t)
	for _, c := range []struct {
		accept, body, header, trailer string
		lines                         int
	}{
		{"application/x-ndjson", `{"spec":{"query":"select name from queries","limit":3}}`, "true", "", 3},
		{"text/csv", `{"spec":{"query":"select name from queries","limit":3}}`, "true", "", 4},
		{"text/csv", `{"spec":{"query":"select name from queries"}}`, "false", "", 11},
		{"text/csv", `{"spec":{"query":"select name from queries where name = 'x'"}}`, "false", "", 1},
		{"text/csv", `{"spec":{"limit":10000,"query":"with recursive n(i) as (select 1 union all select i+1 from n limit 9000) select i, 'some more text' from n"}}`, "", "false", 9001},
		{"application/x-ndjson", `{"spec":{"limit":5000,"query":"with recursive n(i) as (select 1 union all select i+1 from n) select i, 'some more text' as t from n"}}`, "", "true", 5000},
	} {
		answer := posted(t, web, c.accept, c.body)
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusCreated || strings.Count(string(body), "\n") != c.lines {
			t.Errorf("%s %s: %d %v, %d lines", c.accept, c.body, answer.StatusCode, err, strings.Count(string(body), "\n"))
		}
		if h, l := answer.Header.Get(truncatedHeader), answer.Trailer.Get(truncatedHeader); h != c.header || l != c.trailer {
			t.Errorf("%s %s: header %q, trailer %q, want %q and %q", c.accept, c.body, h, l, c.header, c.trailer)
		}
		if warned := answer.Header.Get("Warning") != ""; warned != (c.header == "true") {
			t.Errorf("%s %s: Warning %q", c.accept, c.body, answer.Header.Get("Warning"))
		}
	}
	// An error in a statement is returned as a Status, in every format.
	answer := posted(t, web, "text/csv", `{"spec":{"query":"select absent from queries"}}`)
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "no such column: absent (line 1, column 8)") {
		t.Errorf("%d %s %v", answer.StatusCode, body, err)
	}
}
