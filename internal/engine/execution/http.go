package execution

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
	"github.com/mckinsey/ark-server/internal/engine/outbound"
	"github.com/mckinsey/ark-server/internal/engine/render"
)

const (
	httpToolTimeout = 30 * time.Second
	// maxToolResult is the most bytes of an answer; a longer answer is an error.
	maxToolResult = 10 << 20
	// maxToolError is how much of a failed answer the error quotes.
	maxToolError = 1000
)

// urlArgument matches a placeholder for an argument in a URL.
var urlArgument = regexp.MustCompile(`\{([^{}]+)\}`)

// bindHTTP creates a tool that makes an HTTP request.
func (r *Run) bindHTTP(t *tool, object *v1alpha1.Tool) error {
	spec := object.Spec.HTTP
	if spec == nil || spec.URL == "" {
		return errors.New("it has no URL")
	}
	t.kind, t.outside, t.once = "custom", true, !repeatable(object)
	t.description = firstOf(t.description, "Request to "+spec.URL)
	t.execute = func(ctx context.Context, args arguments) (output, error) {
		text, err := r.request(ctx, object, args)
		return output{text: text}, err
	}
	return nil
}

// repeatable reports whether a call may be repeated: the tool is marked as idempotent or read-only,
// or its HTTP method is.
func repeatable(object *v1alpha1.Tool) bool {
	if a := object.Spec.Annotations; a != nil {
		if a.IdempotentHint != nil {
			return *a.IdempotentHint
		}
		if a.ReadOnlyHint != nil && *a.ReadOnlyHint {
			return true
		}
	}
	return object.Spec.HTTP != nil && methodOf(object.Spec.HTTP) == http.MethodGet
}

func methodOf(spec *v1alpha1.HTTPTool) string {
	if spec.Method == nil || *spec.Method == "" {
		return http.MethodGet
	}
	return string(*spec.Method)
}

func (r *Run) request(ctx context.Context, object *v1alpha1.Tool, args arguments) (string, error) {
	spec := object.Spec.HTTP
	timeout := httpToolTimeout
	if given, err := time.ParseDuration(deref(spec.Timeout)); err == nil && given > 0 {
		timeout = given
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s", timeout))
	defer cancel()
	method := methodOf(spec)
	address := urlArgument.ReplaceAllStringFunc(spec.URL, func(place string) string {
		value, ok := args.values[place[1:len(place)-1]]
		if !ok {
			return place
		}
		return url.QueryEscape(fmt.Sprint(value))
	})
	values := objects.Values{From: r.Objects, Namespace: object.Namespace, Parameter: r.queryParameter(true)}
	var body io.Reader
	if deref(spec.Body) != "" && (method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch) {
		data := map[string]any{"input": args.values}
		parameters, err := r.parameters(ctx, values, spec.BodyParameters)
		if err != nil {
			return "", fmt.Errorf("resolve the body's parameters: %w", err)
		}
		for name, value := range parameters {
			data[name] = value
		}
		text, err := render.Text("body", *spec.Body, data)
		if err != nil {
			return "", fmt.Errorf("render the body: %w", err)
		}
		body = strings.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return "", fmt.Errorf("make the request: %w", withoutURL(err))
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	headers, err := r.headers(ctx, object.Namespace, spec.Headers)
	if err != nil {
		return "", err
	}
	for name, value := range headers {
		request.Header.Set(name, value.Text)
	}
	answer, err := r.Tools.Do(request)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return "", cause
		}
		return "", fmt.Errorf("make the request: %w", withoutURL(err))
	}
	defer func() { _ = answer.Body.Close() }() // read only: nothing is lost on an error
	return result(ctx, answer)
}

// result reads an HTTP response.
func result(ctx context.Context, answer *http.Response) (string, error) {
	text, err := outbound.ReadAll(answer.Body, maxToolResult)
	var large *outbound.TooLargeError
	if errors.As(err, &large) {
		return "", fmt.Errorf("read the answer: %w", err)
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return "", cause
		}
		return "", fmt.Errorf("read the answer: %w", err)
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return "", fmt.Errorf("HTTP error %d: %s", answer.StatusCode, cut(strings.TrimSpace(string(text)), maxToolError))
	}
	return strings.ToValidUTF8(string(text), "\uFFFD"), nil
}

// withoutURL removes the URL from a client's error, because it may contain secrets.
func withoutURL(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
