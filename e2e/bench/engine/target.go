package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/e2e/internal/h2client"
	"github.com/mckinsey/ark-server/e2e/internal/measure"
	"github.com/mckinsey/ark-server/e2e/internal/query"
	"github.com/mckinsey/ark-server/internal/engine/scripted"
)

const (
	embedded, external = "embedded", "external"

	namespace   = "bench"
	connections = 8
	base        = "/apis/ark.mckinsey.com/v1alpha1/namespaces/" + namespace + "/"
	jsonType    = "application/json"
)

// target is a server under measurement, with a model.
type target struct {
	name    string
	server  *component.ArkServer
	stop    func() error
	model   *scripted.Server
	serving *http.Server
	url     string // of the model
	plain   *rest.RESTClient
}

type sample struct {
	measure.Sample
	writes float64 // per query
}

// open starts a server and a model, and creates the objects.
func open(ctx context.Context, o options, name, dir string) (*target, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the model: %w", err)
	}
	t := &target{name: name, url: "http://" + listener.Addr().String(), model: scripted.NewForgetful(func(r scripted.Request) scripted.Answer {
		return scripted.Answer{Text: "The answer to " + r.Last()}
	})}
	t.serving = &http.Server{Handler: t.model, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = t.serving.Serve(listener) }() // Close ends it
	place, stopDatabase, err := engine.Serve(ctx, o.storage, dir)
	if err != nil {
		return nil, errors.Join(err, t.serving.Close())
	}
	args := []string{"--engine=" + name}
	if name == embedded {
		args = append(args, o.args...)
	}
	starting, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	t.server, err = component.StartArk(starting, component.ArkOptions{Dir: dir, Storage: place.Flags(), Args: args})
	if err != nil {
		return nil, errors.Join(err, t.serving.Close(), stopDatabase())
	}
	t.stop = stopDatabase
	if t.plain, err = component.RawClient(t.server.Config); err == nil {
		err = t.prepare(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

func (t *target) close() error {
	return errors.Join(t.server.Stop(), t.serving.Close(), t.stop())
}

func (t *target) prepare(ctx context.Context) error {
	if err := query.EnsureNamespace(ctx, t.plain, namespace); err != nil {
		return err
	}
	for resource, object := range map[string]string{
		"models": `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Model","metadata":{"name":"default"},"spec":{"provider":"openai","model":{"value":"scripted"},` +
			`"config":{"openai":{"baseUrl":{"value":"` + t.url + `/v1"},"apiKey":{"value":"none"}}}}}`,
		"agents": `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"plain"},"spec":{"prompt":"Answer in one sentence."}}`,
	} {
		answer, err := t.plain.Post().AbsPath(base+resource).SetHeader("Content-Type", jsonType).Body([]byte(object)).DoRaw(ctx)
		if err != nil {
			return fmt.Errorf("make an object of %s: %w: %s", resource, err, answer)
		}
	}
	return nil
}

// round sends all questions of a round, and verifies the answers.
func (t *target) round(ctx context.Context, o options, round int) (out sample, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conns, closeAll, err := t.dial(ctx)
	if err != nil {
		return out, err
	}
	defer closeAll()
	begin, err := t.revision(ctx)
	if err != nil {
		return out, err
	}
	answers := newAnswers()
	var ended sync.WaitGroup
	defer ended.Wait()
	defer cancel()
	var acts *controller
	if t.name == external {
		acts = &controller{conns: conns, model: t.url, workers: make(chan struct{}, o.clients)}
		defer acts.ended.Wait()
	}
	ended.Go(func() {
		answers.follow(ctx, func(revision string) (io.ReadCloser, error) {
			return t.plain.Get().AbsPath(base+"queries").Param("watch", "true").Param("resourceVersion", revision).Stream(ctx)
		}, strconv.FormatUint(begin, 10), acts)
	})
	asked, cpu, err := t.model.Count(), map[string]time.Duration{}, error(nil)
	for name, pid := range t.pids() {
		if cpu[name], err = component.CPUTime(pid); err != nil {
			return out, err
		}
	}
	each := o.queries / o.clients
	out.Sample = measure.RunCount(ctx, o.clients, each, func(ctx context.Context, c, i int) error {
		name := fmt.Sprintf("q-%d-%d-%d", round, c, i)
		return ask(ctx, conns[c%len(conns)], answers, name)
	})
	n := out.Count
	out.CPU = map[string]time.Duration{}
	for name, pid := range t.pids() {
		after, err := component.CPUTime(pid)
		if err != nil {
			return out, err
		}
		out.CPU[name] = (after - cpu[name]) / time.Duration(max(n, 1))
	}
	end, err := t.revision(ctx)
	if err != nil {
		return out, err
	}
	out.writes = float64(end-begin) / float64(max(n, 1))
	switch calls := t.model.Count() - asked; {
	case out.Failed > 0:
		return out, fmt.Errorf("%d of %d queries failed, such as: %w", out.Failed, n+out.Failed, out.FirstError)
	case calls < n || calls > n+probes:
		return out, fmt.Errorf("the model was asked %d times for %d queries", calls, n)
	}
	return out, nil
}

// probes is the number of model calls in a round that are not for a query.
const probes = 3

func (t *target) pids() map[string]int {
	return map[string]int{"server": t.server.PID(), "client": os.Getpid()}
}

func (t *target) dial(ctx context.Context) (conns []*h2client.Conn, closeAll func(), err error) {
	closeAll = func() {
		for _, c := range conns {
			_ = c.Close() // no request is in flight
		}
	}
	for range connections {
		c, err := h2client.Dial(ctx, t.server.Config)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		conns = append(conns, c)
	}
	return conns, closeAll, nil
}

// revision returns the latest revision of the database; each write increments it by one.
func (t *target) revision(ctx context.Context) (uint64, error) {
	answer, err := t.plain.Get().AbsPath(base+"queries").Param("limit", "1").DoRaw(ctx)
	if err != nil {
		return 0, fmt.Errorf("list the queries: %w", err)
	}
	_, after, _ := strings.Cut(string(answer), `"resourceVersion":"`)
	text, _, _ := strings.Cut(after, `"`)
	revision, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the revision of the list: %w", err)
	}
	return revision, nil
}

// profile runs one more round while the server profiles itself.
func (t *target) profile(ctx context.Context, o options) error {
	type answer struct {
		text []byte
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := t.plain.Get().AbsPath("/debug/pprof/profile").Param("seconds", "5").DoRaw(ctx)
		got <- answer{text, err}
	}()
	s, err := t.round(ctx, o, o.rounds)
	a := <-got
	if err := errors.Join(err, a.err); err != nil {
		return fmt.Errorf("profile the server at %.0f queries/s: %w", s.Rate, err)
	}
	if err := os.WriteFile(o.profile, a.text, 0o644); err != nil {
		return fmt.Errorf("write the profile: %w", err)
	}
	return nil
}
