package inprocess

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
)

func contextWith(ctx context.Context, key any) context.Context { return context.WithValue(ctx, key, 1) }

func request(ctx context.Context, t testing.TB, method string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, Host+"/path", body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Each line comes as it is flushed, while the handler waits for the next one of the request: bodies
// go both ways at once.
func TestBothWaysAtOnce(t *testing.T) {
	_, client := serving(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		lines := bufio.NewScanner(r.Body)
		for lines.Scan() {
			fmt.Fprintln(w, "re: "+lines.Text())
			w.(http.Flusher).Flush()
		}
	})
	out, in := io.Pipe()
	answer, err := client.Do(request(t.Context(), t, http.MethodPost, out))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for i := range 100 {
		fmt.Fprintln(in, i)
		if !lines.Scan() || lines.Text() != fmt.Sprint("re: ", i) {
			t.Fatalf("line %d: got %q, %v", i, lines.Text(), lines.Err())
		}
	}
	in.Close()
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("after the end: %q, %v", lines.Text(), lines.Err())
	}
}

// A handler writes no more than a window ahead of its caller.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written atomic.Int64
		transport, client := servingUncleaned(t, func(w http.ResponseWriter, _ *http.Request) {
			piece := make([]byte, 1000)
			for {
				n, err := w.Write(piece)
				written.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
		answer, err := client.Do(request(t.Context(), t, http.MethodGet, nil))
		if err != nil {
			t.Fatal(err)
		}
		read := int64(0)
		for _, n := range []int64{0, 1, 999, 1000, 100_000, 5_000_000} {
			if _, err := io.CopyN(io.Discard, answer.Body, n); err != nil {
				t.Fatal(err)
			}
			read += n
			synctest.Wait()
			if ahead := written.Load() - read; ahead > window || ahead < window-1000 {
				t.Errorf("after %d bytes: the handler is %d ahead", read, ahead)
			}
		}
		answer.Body.Close()
		transport.Close()
	})
}

// servingUncleaned is serving without what ends after the test, for tests in a bubble.
func servingUncleaned(t testing.TB, handler http.HandlerFunc) (*Transport, *http.Client) {
	t.Helper()
	transport := New("test/1")
	transport.Serve(handler)
	as, err := transport.As(alice)
	if err != nil {
		t.Fatal(err)
	}
	return transport, &http.Client{Transport: as}
}

// A call ends for both sides when the caller's context ends, the caller closes the answer or the
// transport closes, wherever the two are: before the answer, while the caller waits for more, while
// the handler waits for the caller, or for the request's body.
func TestEnds(t *testing.T) {
	cause := errors.New("enough")
	places := map[string]http.HandlerFunc{
		"before the answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"in the answer": func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"in a write": func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 100)); err != nil {
					if !errors.Is(err, errGone) {
						t.Errorf("the handler got %v", err)
					}
					return
				}
			}
		},
		"in a read": func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = io.Copy(io.Discard, r.Body)
			if r.Context().Err() == nil {
				t.Error("the body ended, and the request's context did not")
			}
		},
		"until it is told": func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			<-w.(closeNotifier).CloseNotify()
		},
	}
	for name, handler := range places {
		for _, end := range []string{"context", "close", "transport"} {
			if name == "before the answer" && end == "close" {
				continue // there is nothing to close
			}
			synctest.Test(t, func(t *testing.T) {
				var ended atomic.Bool
				transport, client := servingUncleaned(t, func(w http.ResponseWriter, r *http.Request) {
					defer ended.Store(true)
					handler(w, r)
				})
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				out, in := io.Pipe()
				defer in.Close()
				var want error
				var body io.ReadCloser
				stop := func() {
					switch end {
					case "context":
						want = cause
						cancel(cause)
					case "close":
						want = http.ErrBodyReadAfterClose
						body.Close()
					case "transport":
						want = ErrStopping
						go transport.Close()
					}
				}
				if name == "before the answer" {
					go func() {
						synctest.Wait()
						stop()
					}()
				}
				answer, err := client.Do(request(ctx, t, http.MethodPost, out))
				if err == nil {
					body = answer.Body
					if name == "in the answer" && end != "close" {
						go func() {
							synctest.Wait() // until the caller waits in Read
							stop()
						}()
					} else {
						synctest.Wait()
						stop()
						synctest.Wait()
					}
					_, err = io.Copy(io.Discard, body)
				}
				if !errors.Is(err, want) {
					t.Errorf("%s, %s: the caller got %v, want %v", name, end, err, want)
				}
				synctest.Wait()
				if !ended.Load() {
					t.Errorf("%s, %s: the handler goes on", name, end)
				}
				if len(transport.running) != 0 {
					t.Errorf("%s, %s: the call is not forgotten", name, end)
				}
				transport.Close()
			})
		}
	}
}

// An answer that was whole before the context ended is still there.
func TestAWholeAnswerStays(t *testing.T) {
	_, client := serving(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "whole") })
	ctx, cancel := context.WithCancel(t.Context())
	answer, err := client.Do(request(ctx, t, http.MethodGet, nil))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if text, err := io.ReadAll(answer.Body); string(text) != "whole" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
}

// Calls wait until there is a handler, and their context ends the wait.
func TestBeforeTheServerServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := New("test")
		as, err := transport.As(alice)
		if err != nil {
			t.Fatal(err)
		}
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		results := make(chan error, 2)
		for _, ctx := range []context.Context{ctx, t.Context()} {
			go func() {
				_, err := as.RoundTrip(request(ctx, t, http.MethodGet, nil))
				results <- err
			}()
		}
		synctest.Wait()
		if len(results) != 0 {
			t.Error("a call did not wait")
		}
		cancel(cause)
		if err := <-results; !errors.Is(err, cause) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		transport.Serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		if err := <-results; err != nil {
			t.Error(err)
		}
		transport.Close()
	})
}

// A server that stops lets calls under way finish, and refuses new ones, and those that still wait
// for it.
func TestWhileTheServerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		transport, client := servingUncleaned(t, func(w http.ResponseWriter, _ *http.Request) {
			<-release
			_, _ = io.WriteString(w, "done")
		})
		result := make(chan string, 1)
		go func() {
			answer, err := client.Do(request(t.Context(), t, http.MethodGet, nil))
			if err != nil {
				result <- err.Error()
				return
			}
			text, _ := io.ReadAll(answer.Body)
			result <- string(text)
		}()
		synctest.Wait()
		transport.Refuse()
		body := &closeCounter{Reader: strings.NewReader("x")}
		if _, err := client.Do(request(t.Context(), t, http.MethodPost, body)); !errors.Is(err, ErrStopping) || !errors.Is(err, context.Canceled) {
			t.Errorf("a new call: %v", err)
		}
		if body.closed.Load() != 1 {
			t.Error("the body of a refused request was not closed")
		}
		close(release)
		if got := <-result; got != "done" {
			t.Errorf("the call under way: %s", got)
		}
		transport.Close()

		unserved := New("test")
		as, err := unserved.As(&user.DefaultInfo{Name: "bob"})
		if err != nil {
			t.Fatal(err)
		}
		waiting := make(chan error)
		go func() {
			_, err := as.RoundTrip(request(t.Context(), t, http.MethodGet, nil))
			waiting <- err
		}()
		synctest.Wait()
		unserved.Close()
		if err := <-waiting; !errors.Is(err, ErrStopping) {
			t.Errorf("a call that waits: %v", err)
		}
	})
}

type closeCounter struct {
	io.Reader
	closed atomic.Int64
}

func (c *closeCounter) Close() error { c.closed.Add(1); return nil }

// The body is closed once, read or not, and not read afterwards.
func TestTheBodyIsClosed(t *testing.T) {
	late := make(chan error, 1)
	transport, client := serving(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery == "close" {
			r.Body.Close()
		}
		go func() {
			<-r.Context().Done() // the handler has returned
			_, err := r.Body.Read(make([]byte, 1))
			late <- err
		}()
	})
	for _, query := range []string{"", "close"} {
		body := &closeCounter{Reader: strings.NewReader("abc")}
		r := request(t.Context(), t, http.MethodPost, body)
		r.URL.RawQuery = query
		if _, err := client.Do(r); err != nil {
			t.Fatal(err)
		}
		if err := <-late; !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("a read after the end: %v", err)
		}
		transport.ended.Wait()
		if n := body.closed.Load(); n != 1 {
			t.Errorf("the body was closed %d times", n)
		}
	}
}

// Many streams that come and go leave nothing behind.
func TestNoLeaks(t *testing.T) {
	before := runtime.NumGoroutine()
	transport, client := serving(t, func(w http.ResponseWriter, r *http.Request) {
		for {
			if _, err := io.WriteString(w, "event\n"); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
				return
			default:
				runtime.Gosched()
			}
		}
	})
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			answer, err := client.Do(request(ctx, t, http.MethodGet, nil))
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.ReadFull(answer.Body, make([]byte, 6*(i%7)))
			if i%2 == 0 {
				answer.Body.Close()
			} else {
				cancel()
			}
		})
	}
	all.Wait()
	transport.Close()
	// One that has said that it is done may still have to end, which takes as long as the machine is
	// busy.
	for begin := time.Now(); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}

// A panic that nothing below catches ends the call, not the process.
func TestAPanicIsTheCallsOwn(t *testing.T) {
	_, client := serving(t, func(http.ResponseWriter, *http.Request) { panic("a fault") })
	if _, err := client.Do(request(t.Context(), t, http.MethodGet, nil)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}
