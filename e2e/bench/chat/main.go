package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

func main() {
	rounds := flag.Int("rounds", 20, "questions of each client, each asked directly and through the server; the first is not counted")
	most := flag.Int("clients", 64, "how many clients ask at once in the second measurement; 1 for none")
	flag.Parse()
	if err := run(context.Background(), *rounds, *most); err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

// place is an endpoint for requests.
type place struct {
	client     *http.Client
	url, token string
	body       string
}

func run(ctx context.Context, rounds, most int) (err error) {
	model := httptest.NewServer(scripted.NewForgetful(func(scripted.Request) scripted.Answer {
		return scripted.Answer{Text: "An answer of some words, which comes in several pieces.", Pieces: 8}
	}))
	defer model.Close()
	dir, err := os.MkdirTemp("", "ark-bench-chat-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ark, err := component.StartArk(ctx, component.ArkOptions{Dir: dir, Args: []string{"--engine=embedded", "--engine-concurrency=256"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ark.Stop()) }()
	tls, err := rest.TLSConfigFor(ark.Config)
	if err != nil {
		return err
	}
	through := place{
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: tls, MaxIdleConnsPerHost: 256}},
		url:    ark.Config.Host + "/v1/chat/completions", token: ark.Config.BearerToken,
		body: `{"model":"model/default","stream":true,"messages":[{"role":"user","content":"hello"}]}`,
	}
	direct := place{
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}, url: model.URL + "/v1/chat/completions",
		body: `{"model":"scripted","stream":true,"messages":[{"role":"user","content":"hello"}]}`,
	}
	object := `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Model","metadata":{"name":"default"},"spec":{"provider":"openai","model":{"value":"scripted"},"config":{"openai":{"baseUrl":{"value":"` +
		model.URL + `/v1"},"apiKey":{"value":"none"}}}}}`
	if err := through.create(ctx, ark.Config.Host+"/apis/ark.mckinsey.com/v1alpha1/namespaces/default/models", object); err != nil {
		return err
	}
	t := measure.NewTable(os.Stdout, "clients", "directly p50 ms", "through the server p50 ms", "added p50 ms", "added p5 ms", "p99 ms through the server")
	for _, clients := range slices.Compact([]int{1, most}) {
		first, second, err := compare(ctx, clients, rounds, direct, through)
		if err != nil {
			return err
		}
		before, after := measure.Percentile(first, 50), measure.Percentile(second, 50)
		t.Row(fmt.Sprint(clients), measure.Millis(before), measure.Millis(after), measure.Millis(after-before),
			measure.Millis(measure.Percentile(second, 5)-measure.Percentile(first, 5)), measure.Millis(measure.Percentile(second, 99)))
	}
	return t.Flush()
}

// compare has clients send requests to several places in turn, and returns the times until the
// first token.
func compare(ctx context.Context, clients, rounds int, places ...place) (first, second []time.Duration, err error) {
	var mu sync.Mutex
	var asking sync.WaitGroup
	took := make([][]time.Duration, len(places))
	for c := range clients {
		asking.Go(func() {
			for i := range rounds + 1 {
				for j := range places {
					at := (j + c + i) % len(places) // no place is always the first
					d, failed := places[at].firstToken(ctx)
					mu.Lock()
					err = errors.Join(err, failed)
					if i > 0 {
						took[at] = append(took[at], d)
					}
					mu.Unlock()
				}
			}
		})
	}
	asking.Wait()
	return took[0], took[1], err
}

func (p place) create(ctx context.Context, url, object string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(object))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Content-Type", "application/json")
	response, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		return fmt.Errorf("make %s: %s", object, response.Status)
	}
	return nil
}

// firstToken sends a request, and returns the time until the first part of the answer.
func (p place) firstToken(ctx context.Context) (time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader(p.body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	begin := time.Now()
	response, err := p.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("ask %s: %s", p.url, response.Status)
	}
	var took time.Duration
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		// The first chunks have a role and no text.
		if took == 0 && bytes.Contains(lines.Bytes(), []byte(`"content":"A`)) {
			took = time.Since(begin)
		}
	}
	if took == 0 {
		return 0, fmt.Errorf("ask %s: there is no text: %w", p.url, lines.Err())
	}
	return took, nil
}
