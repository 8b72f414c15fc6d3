package ask

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/engine/objects"
)

// maxChunk is the longest line of a stream: the last one holds the whole Query.
const maxChunk = 64 << 20

// lastWords is how long the rest of a stream may take after its Query has ended.
const lastWords = 2 * time.Second

// Listen writes the output of a Query while it runs, and returns the Query when it has ended, as
// Wait does. At the end it writes the answer unless that was the last output: a tool's answer is
// not streamed, and neither is the output of an outside engine that does not send it to this
// server.
func Listen(ctx context.Context, client *objects.Client, query *v1alpha1.Query, to io.Writer) (*v1alpha1.Query, error) {
	following, stop := context.WithCancel(ctx)
	defer stop()
	said, failed := "", make(chan error, 1)
	go func() {
		var err error
		said, err = follow(following, client, query, to)
		failed <- err
	}()
	query, err := Wait(ctx, client, query)
	late := time.AfterFunc(lastWords, stop)
	defer late.Stop()
	if lost := <-failed; err == nil && following.Err() == nil {
		err = lost
	}
	if err != nil {
		return query, err
	}
	answer, failure := Answer(query)
	if answer = strings.TrimSpace(answer); failure == nil && !strings.HasSuffix(strings.TrimSpace(said), answer) {
		_, err = fmt.Fprintln(to, answer)
	}
	return query, err
}

// follow writes the output up to the end of the stream, and returns it.
func follow(ctx context.Context, client *objects.Client, query *v1alpha1.Query, to io.Writer) (said string, err error) {
	body, err := client.Ark(v1alpha1.SchemeGroupVersion).Get().AbsPath("/namespaces", query.Namespace, "stream", query.Name).
		Param("from-beginning", "true").Stream(ctx)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) { // through a cluster's kube-apiserver there are only subresources
		return followLog(ctx, client, query, to)
	}
	if err != nil {
		return "", fmt.Errorf("follow the query %s: %w", query.Name, err)
	}
	defer func() { _ = body.Close() }() // read only: nothing is lost on an error
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxChunk)
	p := printer{to: to}
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data:")
		if !ok {
			continue
		}
		if data = strings.TrimSpace(data); data == "[DONE]" {
			break
		}
		if err := p.print(data); err != nil {
			return "", err
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, context.Canceled) {
		return p.said.String(), fmt.Errorf("follow the query %s: %w", query.Name, err)
	}
	if p.said.Len() > 0 {
		_, err = fmt.Fprintln(to)
	}
	return p.said.String(), err
}

// followLog writes the log of a query to its end, and returns it. If there is no log, only the
// answer is shown, at the end.
func followLog(ctx context.Context, client *objects.Client, query *v1alpha1.Query, to io.Writer) (said string, err error) {
	body, err := client.Ark(v1alpha1.SchemeGroupVersion).Get().Namespace(query.Namespace).Resource("queries").Name(query.Name).SubResource("log").
		Param("follow", "true").Stream(ctx)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("follow the query %s: %w", query.Name, err)
	}
	defer func() { _ = body.Close() }() // read only: nothing is lost on an error
	var all strings.Builder
	part := make([]byte, 4096)
	for {
		n, err := body.Read(part)
		// The last line may be an error. It arrives as one part, and the Query has it too.
		if text := string(part[:n]); !strings.HasPrefix(text, "error: ") {
			all.WriteString(text)
			if _, err := io.WriteString(to, text); err != nil {
				return "", fmt.Errorf("print the answer: %w", err)
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, context.Canceled):
			return all.String(), nil
		case err != nil:
			return "", fmt.Errorf("follow the query %s: %w", query.Name, err)
		}
	}
}

// chunk is the displayed part of a chunk.
type chunk struct {
	Choices []struct {
		Delta struct {
			Content string `json:"content"`
		} `json:"delta"`
	} `json:"choices"`
	Ark struct {
		Agent string `json:"agent"`
	} `json:"ark"`
}

// printer writes the text of chunks, and starts a new line when the speaker changes.
type printer struct {
	to    io.Writer
	agent string
	said  strings.Builder
}

func (p *printer) print(data string) error {
	var c chunk
	if json.Unmarshal([]byte(data), &c) != nil {
		return nil // not for us
	}
	for _, choice := range c.Choices {
		text := choice.Delta.Content
		if text == "" {
			continue
		}
		if p.said.Len() > 0 && c.Ark.Agent != p.agent {
			text = "\n" + text
		}
		p.agent = c.Ark.Agent
		p.said.WriteString(text)
		if _, err := io.WriteString(p.to, text); err != nil {
			return fmt.Errorf("print the answer: %w", err)
		}
	}
	return nil
}
