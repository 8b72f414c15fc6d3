package inprocess

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
)

func upgrade(ctx context.Context, t testing.TB) *http.Request {
	r := request(ctx, t, http.MethodGet, nil)
	r.Header.Set("Connection", "keep-alive, Upgrade")
	r.Header.Set("Upgrade", "echo")
	return r
}

// echoes switches protocols and sends back what it reads.
func echoes(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 || r.Header.Get("Upgrade") != "echo" {
			t.Errorf("the request is %s, upgrade %q", r.Proto, r.Header.Get("Upgrade"))
		}
		conn, both, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrHijacked) {
			t.Errorf("writing after Hijack: %v", err)
		}
		_, _ = both.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-A: b\r\n\r\nfirst")
		if both.Flush() == nil {
			_, _ = io.Copy(conn, both)
		}
	}
}

func TestUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, client := servingUncleaned(t, echoes(t))
		ctx, cancel := context.WithCancel(t.Context())
		answer, err := client.Do(upgrade(ctx, t))
		if err != nil {
			t.Fatal(err)
		}
		cancel() // the connection is the caller's now
		if answer.StatusCode != http.StatusSwitchingProtocols || answer.Header.Get("X-A") != "b" {
			t.Errorf("got %d, %v", answer.StatusCode, answer.Header)
		}
		both := answer.Body.(io.ReadWriteCloser)
		got := make([]byte, 5)
		if _, err := io.ReadFull(both, got); err != nil || string(got) != "first" {
			t.Errorf("got %q, %v", got, err)
		}
		for _, text := range []string{"hello", "again"} {
			if _, err := io.WriteString(both, text); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(both, got); err != nil || string(got) != text {
				t.Errorf("got %q, %v", got, err)
			}
		}
		both.Close()
		synctest.Wait()
		if len(transport.running) != 0 {
			t.Error("the handler goes on")
		}
		transport.Close()
	})
}

// An upgrade that is refused is an answer like any other, whether the handler took the connection
// over for it or not.
func TestUpgradeRefused(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"without": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) },
		"with": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n")
		},
	} {
		_, client := serving(t, handler)
		answer, err := client.Do(upgrade(t.Context(), t))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if answer.StatusCode != http.StatusForbidden || string(text) != "no\n" || err != nil {
			t.Errorf("%s: got %d %q, %v", name, answer.StatusCode, text, err)
		}
		answer.Body.Close()
	}
}

// A connection that was taken over ends with the call that has no answer yet, and with the server.
func TestUpgradeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, client := servingUncleaned(t, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_, _ = io.Copy(io.Discard, conn)
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("enough")
		go func() {
			synctest.Wait()
			cancel(cause)
		}()
		if _, err := client.Do(upgrade(ctx, t)); !errors.Is(err, cause) {
			t.Errorf("got %v", err)
		}
		transport.Close()

		transport, client = servingUncleaned(t, echoes(t))
		answer, err := client.Do(upgrade(t.Context(), t))
		if err != nil {
			t.Fatal(err)
		}
		go transport.Close()
		_, _ = io.Copy(io.Discard, answer.Body) // until the connection ends
		synctest.Wait()
		if len(transport.running) != 0 {
			t.Error("the handler goes on")
		}
	})
}

// Without an upgrade there is no connection to take over, as over HTTP/2.
func TestNoHijackWithoutUpgrade(t *testing.T) {
	_, client := serving(t, func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(http.Hijacker); ok {
			t.Error("the connection can be taken over")
		}
	})
	if _, err := client.Do(request(t.Context(), t, http.MethodGet, nil)); err != nil {
		t.Fatal(err)
	}
}
