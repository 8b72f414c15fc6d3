package chat

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

var streams = flag.Int("streams", 100, "how many streams TestManyStreams has open at once")

// mostPerStream bounds what an open stream takes of the server's memory: goroutines, buffers of
// HTTP and TLS on both sides, the Query and its watch, and its share of the readers that do not
// read. docs/performance.md states the figure.
const mostPerStream = 1 << 20

// TestManyStreams has many streams open at once, and a tenth as many readers that do not read. Each
// of the others gets its whole answer, and what each takes of the server's memory is bounded.
func TestManyStreams(t *testing.T) {
	n := *streams
	w := newWorld(t, "--engine=embedded", fmt.Sprintf("--engine-concurrency=%d", 2*n), fmt.Sprintf("--engine-concurrency-per-namespace=%d", 2*n), fmt.Sprintf("--engine-concurrency-per-model=%d", 2*n))
	release := make(chan struct{})
	w.release = release
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	idle := w.live()
	// The readers that do not read have small windows, so that what they do not take waits at the
	// server.
	tls := w.http.Transport.(*http.Transport).TLSClientConfig
	lazy := &http.Transport{TLSClientConfig: tls, DialContext: (&net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		if err != nil {
			return err
		}
		return failed
	}}).DialContext}
	defer lazy.CloseIdleConnections()
	var repeated atomic.Int64
	ask := func(client *http.Client, text string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/v1/chat/completions", strings.NewReader(`{"model":"agent/guide","stream":true,"messages":[{"role":"user","content":"`+text+`"}]}`))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+w.key)
		return client.Do(r)
	}
	// Clients come in 64 at a time, so that the handshakes of a thousand do not take longer than the
	// server waits for a request. One that is told to come again does, as SDKs do.
	entering := make(chan struct{}, 64)
	begin := func(client *http.Client, text string) (*http.Response, error) {
		entering <- struct{}{}
		defer func() { <-entering }()
		for {
			response, err := ask(client, text)
			if err != nil || response.StatusCode == http.StatusOK {
				return response, err
			}
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode != http.StatusTooManyRequests {
				return nil, fmt.Errorf("%s: got %s %s", text, response.Status, body)
			}
			repeated.Add(1)
			time.Sleep(time.Second)
		}
	}
	var stalled errgroup.Group
	for range n / 10 {
		stalled.Go(func() error {
			response, err := begin(&http.Client{Transport: lazy}, "long")
			if err != nil {
				return err
			}
			t.Cleanup(func() { response.Body.Close() })
			return nil
		})
	}
	if err := stalled.Wait(); err != nil {
		t.Fatal(err)
	}
	var open atomic.Int64
	failed := make(chan error, n)
	var reading errgroup.Group
	for i := range n {
		reading.Go(func() error {
			text := fmt.Sprintf("held %d", i)
			response, err := begin(w.http, text)
			if err != nil {
				failed <- err
				return err
			}
			defer response.Body.Close()
			said, done := "", false
			lines := bufio.NewScanner(response.Body)
			lines.Buffer(nil, 1<<20)
			for lines.Scan() {
				data, _ := strings.CutPrefix(lines.Text(), "data: ")
				var c rawChunk
				if done = done || data == "[DONE]"; json.Unmarshal([]byte(data), &c) != nil || len(c.Choices) == 0 {
					continue
				}
				if part, _ := c.Choices[0].Delta["content"].(string); part != "" {
					if said == "" {
						open.Add(1)
					}
					said += part
				}
			}
			if said != "You said: "+text || !done {
				return fmt.Errorf("%s: got %q, %v", text, said, lines.Err())
			}
			return nil
		})
	}
	ended := make(chan error, 1)
	go func() { ended <- reading.Wait() }()
	for deadline := time.Now().Add(2 * patience); open.Load() < int64(n); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-ended:
			t.Fatalf("%d of %d streams are open: %v", open.Load(), n, err)
		case err := <-failed:
			t.Fatalf("%d of %d streams are open: %v", open.Load(), n, err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d streams are open", open.Load(), n)
		}
	}
	resident, err := w.ark.Memory()
	if err != nil {
		t.Fatal(err)
	}
	live := w.live()
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	each := (live - idle) / int64(n)
	t.Logf("%d streams open: %d MiB in use, %d MiB before; %d KiB each; %d MiB resident, %d at most; %d requests repeated", n, live>>20, idle>>20, each>>10, resident.RSS>>20, resident.Peak>>20, repeated.Load())
	if each > mostPerStream {
		t.Errorf("a stream takes %d KiB, more than %d", each>>10, mostPerStream>>10)
	}
}

// live is what of the server's heap and stacks is in use after a garbage collection.
func (w *world) live() int64 {
	w.t.Helper()
	code, text := w.call(http.MethodGet, "/debug/pprof/heap?gc=1&debug=1", "")
	if code != http.StatusOK {
		w.t.Fatalf("got %d %s", code, text)
	}
	total := int64(0)
	for _, name := range []string{"HeapAlloc", "Stack"} {
		found := regexp.MustCompile(`# ` + name + ` = (\d+)`).FindStringSubmatch(text)
		if found == nil {
			w.t.Fatalf("the profile does not say %s", name)
		}
		n, err := strconv.ParseInt(found[1], 10, 64)
		if err != nil {
			w.t.Fatal(err)
		}
		total += n
	}
	return total
}
