package chat

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
	"github.com/mckinsey/ark-server/internal/inprocess"
)

// Annotations of Queries that this package creates.
const (
	// annotationStreaming requests chunks from Ark's engine.
	annotationStreaming = "ark.mckinsey.com/streaming-enabled"
	// AnnotationRequest identifies the part of the request that is stored separately from the Query.
	AnnotationRequest = "ark.mckinsey.com/chat-request"
	// AnnotationTrace is the span of the request, in the form of the W3C traceparent header.
	AnnotationTrace = "ark.mckinsey.com/traceparent"
	// annotationHash is the SHA-256 of a request with an Idempotency-Key.
	annotationHash = "ark.mckinsey.com/chat-request-hash"
	// annotationMetadata is the metadata of the request.
	annotationMetadata = "ark.mckinsey.com/chat-metadata"
)

// metadataKeys are the metadata keys that control how the Query is created.
const (
	metadataSession      = "sessionId"
	metadataConversation = "conversationId"
	metadataTimeout      = "timeout"
	metadataAnnotations  = "queryAnnotations"
	metadataStream       = "ark.stream"
)

// caller makes API requests as a user.
type caller struct{ client *http.Client }

const maxAnswer = 64 << 20

// call makes a request, and decodes the answer. It returns errors of the API as a *Fault.
func (c caller) call(ctx context.Context, method, path string, body, into any) error {
	return c.send(ctx, method, path, "application/json", body, into)
}

// patch changes fields of an object.
func (c caller) patch(ctx context.Context, path string, body json.RawMessage) error {
	return c.send(ctx, http.MethodPatch, path, string(types.MergePatchType), body, nil)
}

func (c caller) send(ctx context.Context, method, path, contentType string, body, into any) error {
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, inprocess.Host+path, reader)
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	request.Header.Set("Accept", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the API: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // read only: nothing is lost on an error
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the API's answer: %w", err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		var status metav1.Status
		if json.Unmarshal(text, &status) != nil || status.Message == "" {
			status.Message = http.StatusText(response.StatusCode)
		}
		status.Code = int32(response.StatusCode)
		return faultOfStatus(status)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

func resourcePath(namespace, resource, name string) string {
	path := "/apis/" + v1alpha1.SchemeGroupVersion.String() + "/namespaces/" + namespace + "/" + resource
	if name != "" {
		path += "/" + name
	}
	return path
}

// newQuery returns the Query for a request.
func newQuery(r *request, to target, input string) (*v1alpha1.Query, *Fault) {
	q := &v1alpha1.Query{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "Query"},
		ObjectMeta: metav1.ObjectMeta{Name: "chat-" + strings.ToLower(rand.Text()[:16]), Namespace: to.namespace, Annotations: map[string]string{}},
	}
	if err := q.Spec.Input.UnmarshalJSON(encode(input)); err != nil {
		return nil, invalid("messages", codeValue, "the user's last message cannot be stored: %v", err)
	}
	q.Spec.Target = &v1alpha1.QueryTarget{Type: to.kind, Name: to.name}
	if fault := applyMetadata(q, r.metadata); fault != nil {
		return nil, fault
	}
	if r.stream {
		q.Annotations[annotationStreaming] = "true"
	}
	return q, nil
}

// applyMetadata applies the metadata keys that control the Query, and stores the others.
func applyMetadata(q *v1alpha1.Query, metadata map[string]string) *Fault {
	kept := map[string]string{}
	for name, value := range metadata {
		switch name {
		case metadataSession:
			q.Spec.SessionID = text(value)
		case metadataConversation:
			q.Spec.ConversationID = text(value)
		case metadataTimeout:
			timeout := v1alpha1.Duration(value)
			if d, err := timeout.Parse(); err != nil || d <= 0 {
				return invalid("metadata.timeout", codeMetadata, "metadata.timeout is %q: use a duration such as 5m", value)
			}
			q.Spec.Timeout = &timeout
		case metadataAnnotations:
			var more map[string]string
			if json.Unmarshal([]byte(value), &more) != nil {
				return invalid("metadata.queryAnnotations", codeMetadata, "metadata.queryAnnotations is not the JSON of an object of texts")
			}
			for k, v := range more {
				q.Annotations[k] = v
			}
		case metadataStream:
		default:
			kept[name] = value
		}
	}
	delete(q.Annotations, AnnotationRequest)
	delete(q.Annotations, annotationHash)
	delete(q.Annotations, AnnotationTrace)
	if len(kept) > 0 {
		q.Annotations[annotationMetadata] = string(encode(kept))
	}
	return nil
}

// idempotent derives the name of a Query from the key of its request, so that a repeated request
// creates it only once.
func idempotent(q *v1alpha1.Query, user, key string, body []byte) {
	name := sha256.Sum256([]byte(user + "\x00" + q.Namespace + "\x00" + key))
	hash := sha256.Sum256(body)
	q.Name = "chat-" + hex.EncodeToString(name[:12])
	q.Annotations[annotationHash] = hex.EncodeToString(hash[:])
}

// cancelTimeout bounds how long the cancellation of a Query may take.
const cancelTimeout = 10 * time.Second

// cancel stops a Query whose client has disconnected.
func (s *Server) cancel(ctx context.Context, q *v1alpha1.Query) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer stop()
	// If the Query was deleted or recreated there is nothing to cancel, and there is no client to
	// report a failure to.
	_ = s.options.System.Ark(v1alpha1.SchemeGroupVersion).Patch(types.MergePatchType).Namespace(q.Namespace).Resource("queries").Name(q.Name).
		Body([]byte(cancellation(q))).Do(ctx).Error()
}

// cancellation returns the patch that cancels a Query.
func cancellation(q *v1alpha1.Query) json.RawMessage {
	return encode(map[string]any{"metadata": map[string]any{"uid": q.UID}, "spec": map[string]bool{"cancel": true}})
}
