// Package query drives Query objects over HTTP with prepared bodies, so that the client costs
// little compared with the server on the same machine.
package query

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/mckinsey/ark-server/e2e/internal/h2client"
)

const (
	group      = "/apis/ark.mckinsey.com/v1alpha1"
	apiVersion = "ark.mckinsey.com/v1alpha1"
	finalizer  = "ark.mckinsey.com/finalizer"

	jsonType       = "application/json"
	mergePatchType = "application/merge-patch+json"
)

// Steps is the number of writes in the life of a Query.
const Steps = 7

// Life is the life cycle of one Query at a time: create, the controller's finalizer, three status
// writes (waiting, running, done with the answer), delete, and the patch that removes the finalizer
// and so ends the life cycle. It is not safe for concurrent use.
type Life struct {
	conn      *h2client.Conn
	namespace string
	bodies    bodies

	name     string
	revision string // resourceVersion of the last answer
	failed   error  // of this life; its later steps are skipped
}

// bodies are split where the name and the resourceVersion are inserted.
type bodies struct {
	beforeName, afterName, afterRevision string
	create                               string
	status                               [3]string
	addFinalizer, removeFinalizer        []byte

	buffer []byte // the body that is being sent
}

// NewLife prepares a life cycle in an existing namespace, with the given sizes in bytes of the
// input and the answer.
func NewLife(conn *h2client.Conn, namespace string, inputSize, answerSize int) *Life {
	spec := `"spec":` + Spec(inputSize)
	condition := func(status, reason string) string {
		return `[{"type":"Completed","status":"` + status + `","reason":"` + reason + `","message":"` + reason +
			`","lastTransitionTime":"2026-01-01T00:00:00Z","observedGeneration":1}]`
	}
	return &Life{conn: conn, namespace: namespace, bodies: bodies{
		beforeName:    `{"apiVersion":"` + apiVersion + `","kind":"Query","metadata":{"namespace":"` + namespace + `","name":"`,
		create:        `"},` + spec + `}`,
		afterName:     `","resourceVersion":"`,
		afterRevision: `"},` + spec + `,"status":`,
		status: [3]string{
			`{"phase":"pending","conditions":` + condition("False", "QueryNotStarted") + `,"tokenUsage":{}}}`,
			`{"phase":"running","conditions":` + condition("False", "QueryRunning") + `,"tokenUsage":{}}}`,
			`{"phase":"done","conditions":` + condition("True", "QuerySucceeded") +
				`,"tokenUsage":{"promptTokens":300,"completionTokens":250,"totalTokens":550},"duration":"1.5s"` +
				`,"response":{"target":{"type":"agent","name":"researcher"},"phase":"done","content":"` + text(answerSize) + `"}}}`,
		},
		addFinalizer:    []byte(`{"metadata":{"finalizers":["` + finalizer + `"]}}`),
		removeFinalizer: []byte(`{"metadata":{"finalizers":null}}`),
	}}
}

// Step does one write: step 0 begins a new life cycle under the given name. After a failure the
// remaining steps of the life cycle fail too.
func (l *Life) Step(ctx context.Context, step int, name string) error {
	if step == 0 {
		l.name, l.revision, l.failed = name, "", nil
	}
	if l.failed != nil {
		return l.failed
	}
	answer, err := l.send(ctx, step)
	if err == nil && step < 5 {
		l.revision, err = resourceVersion(answer)
	}
	if err != nil {
		l.failed = fmt.Errorf("step %d of a query's life: %w", step, explain(err, answer))
	}
	return l.failed
}

func (l *Life) send(ctx context.Context, step int) ([]byte, error) {
	b := &l.bodies
	switch step {
	case 0:
		return l.conn.Send(ctx, http.MethodPost, path(l.namespace), jsonType, b.join(b.beforeName, l.name, b.create))
	case 1:
		return l.conn.Send(ctx, http.MethodPatch, path(l.namespace, l.name), mergePatchType, b.addFinalizer)
	case 2, 3, 4:
		body := b.join(b.beforeName, l.name, b.afterName, l.revision, b.afterRevision, b.status[step-2])
		return l.conn.Send(ctx, http.MethodPut, path(l.namespace, l.name, "status"), jsonType, body)
	case 5:
		return l.conn.Send(ctx, http.MethodDelete, path(l.namespace, l.name), "", nil)
	default:
		return l.conn.Send(ctx, http.MethodPatch, path(l.namespace, l.name), mergePatchType, b.removeFinalizer)
	}
}

// join overwrites the slice that it returned before.
func (b *bodies) join(parts ...string) []byte {
	b.buffer = b.buffer[:0]
	for _, part := range parts {
		b.buffer = append(b.buffer, part...)
	}
	return b.buffer
}

// CreateTarget creates the agent that the queries use as their target.
func CreateTarget(ctx context.Context, client *rest.RESTClient, namespace string) error {
	body := `{"apiVersion":"` + apiVersion + `","kind":"Agent","metadata":{"namespace":"` + namespace + `","name":"researcher"},"spec":{}}`
	agents := group + "/namespaces/" + namespace + "/agents"
	answer, err := client.Post().AbsPath(agents).SetHeader("Content-Type", "application/json").Body([]byte(body)).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("create the target of queries in %s: %w", namespace, explain(err, answer))
	}
	return nil
}

// Create creates one Query with a spec as Spec returns it.
func Create(ctx context.Context, client *rest.RESTClient, namespace, name, spec string) error {
	body := `{"apiVersion":"` + apiVersion + `","kind":"Query","metadata":{"namespace":"` + namespace + `","name":"` + name + `"},"spec":` + spec + `}`
	answer, err := client.Post().AbsPath(path(namespace)).SetHeader("Content-Type", "application/json").Body([]byte(body)).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("create query %s/%s: %w", namespace, name, explain(err, answer))
	}
	return nil
}

// Spec returns the JSON of a spec with an input of the given size in bytes.
func Spec(inputSize int) string {
	return `{"input":"` + text(inputSize) + `","type":"user","target":{"type":"agent","name":"researcher"},"timeout":"5m","ttl":"720h"}`
}

// List reads all queries of a namespace in one answer and returns their number and the size in
// bytes of the answer. limit 0 is no limit. It neither stores nor parses the answer: that would
// cost the client more than the server.
func List(ctx context.Context, client *rest.RESTClient, namespace string, limit int) (count, size int, err error) {
	r := client.Get().AbsPath(path(namespace))
	if limit > 0 {
		r = r.Param("limit", strconv.Itoa(limit))
	}
	answer, err := r.Stream(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("list queries of %s: %w", namespace, err)
	}
	defer answer.Close()
	counter := occurrences{of: []byte(`"uid":"`)} // each object has exactly one
	if _, err := io.CopyBuffer(&counter, struct{ io.Reader }{answer}, make([]byte, 64<<10)); err != nil {
		return 0, 0, fmt.Errorf("list queries of %s: %w", namespace, err)
	}
	return counter.count, counter.size, nil
}

// occurrences is a writer that counts how often a text occurs in the written bytes.
type occurrences struct {
	of          []byte
	count, size int
	rest        []byte // the end of the written bytes, shorter than the text
}

func (o *occurrences) Write(b []byte) (int, error) {
	o.size += len(b)
	overlap := len(o.of) - 1
	// An occurrence that begins in an earlier write ends in the first bytes of this one.
	o.count += bytes.Count(append(o.rest, b[:min(len(b), overlap)]...), o.of) + bytes.Count(b, o.of)
	if len(b) >= overlap {
		o.rest = append(o.rest[:0], b[len(b)-overlap:]...)
	} else {
		o.rest = append(o.rest, b...)
		o.rest = o.rest[max(0, len(o.rest)-overlap):]
	}
	return len(b), nil
}

// EnsureNamespace creates a namespace, and in it the agent that the queries use as their target.
func EnsureNamespace(ctx context.Context, client *rest.RESTClient, name string) error {
	body := `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"` + name + `"}}`
	answer, err := client.Post().AbsPath("/api/v1/namespaces").SetHeader("Content-Type", "application/json").Body([]byte(body)).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("create namespace %s: %w", name, explain(err, answer))
	}
	return CreateTarget(ctx, client, name)
}

func path(namespace string, rest ...string) string {
	return group + "/namespaces/" + namespace + "/queries" + strings.Join(append([]string{""}, rest...), "/")
}

func resourceVersion(object []byte) (string, error) {
	const field = `"resourceVersion":"`
	_, after, found := bytes.Cut(object, []byte(field))
	value, _, closed := bytes.Cut(after, []byte(`"`))
	if !found || !closed {
		return "", errors.New("no resourceVersion in the answer")
	}
	return string(value), nil
}

// explain adds the server's answer to an error.
func explain(err error, answer []byte) error {
	const most = 500
	if len(answer) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s", err, answer[:min(len(answer), most)])
}

// text returns prose of the given size in bytes.
func text(size int) string {
	const sentence = "Compare the findings of the three reports on battery storage and name where they disagree. "
	return strings.Repeat(sentence, size/len(sentence)+1)[:size]
}
