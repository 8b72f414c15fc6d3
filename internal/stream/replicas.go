package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Replicas are the other processes whose brokers may have the chunks of the same Queries.
type Replicas interface {
	// Others returns their IDs, and a channel that is closed when they change.
	Others() (ids []string, changed <-chan struct{})
	// Open makes one of them send what Broker.Serve sends. The context bounds the whole stream.
	Open(ctx context.Context, id string, request []byte) (Incoming, error)
	// Call makes one of them answer as Broker.Answer does.
	Call(ctx context.Context, id string, request []byte) ([]byte, error)
}

// Incoming receives messages from a replica. It must be used by one goroutine.
type Incoming interface {
	// Recv waits for the next message. After an error there are no more.
	Recv() ([]byte, error)
	Close()
}

// ErrReplicaGone: the replica that has the stream is gone.
var ErrReplicaGone = errors.New("the replica that this stream came from is gone: read the answer from the query")

// The messages of Serve: the first byte is the type of the rest.
const (
	// messageReading comes first: chunks that are written from now on are sent.
	messageReading = 'r'
	messageChunk   = 'c'
	// messageHeld reports that this replica has the stream, so that its readers miss chunks if the
	// replica disappears. It is sent once.
	messageHeld = 'h'
	// messageEnd is the last; the rest is the error, "" for a stream that is complete.
	messageEnd = 'e'
)

// elsewhere is a request to another replica: for a stream, or to complete it.
type elsewhere struct {
	Key
	UID           string
	FromBeginning bool
}

// encoded returns the encoded request. It never fails, because all fields are strings.
func (e elsewhere) encoded() []byte { return encode(e) }

// Connect makes readers also receive the chunks of other replicas. Call it before the broker is
// used.
func (b *Broker) Connect(r Replicas) { b.replicas = r }

// Serve sends another replica the chunks of a stream that this one has, until its end.
func (b *Broker) Serve(ctx context.Context, request []byte, send func(message []byte) error) error {
	var asked elsewhere
	if err := json.Unmarshal(request, &asked); err != nil {
		return fmt.Errorf("read what another replica asks: %w", err)
	}
	from, err := b.readHere(asked.Key, asked.UID, asked.FromBeginning)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := send([]byte{messageReading}); err != nil {
		return err
	}
	var message []byte
	held := false
	for {
		if !held && from.held() {
			held = true
			if err := send([]byte{messageHeld}); err != nil {
				return err
			}
		}
		chunks, end, changed := from.Take()
		for _, c := range chunks {
			message = append(append(message[:0], messageChunk), c...)
			if err := send(message); err != nil {
				return err
			}
		}
		if end != nil {
			text := ""
			if end.Err != nil {
				text = end.Err.Error()
			}
			return send(append([]byte{messageEnd}, text...))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// completion is the answer to a replica's request to complete a stream.
type completion struct{ Known, Already bool }

// Answer completes a stream for another replica.
func (b *Broker) Answer(request []byte) ([]byte, error) {
	var asked elsewhere
	if err := json.Unmarshal(request, &asked); err != nil {
		return nil, fmt.Errorf("read what another replica asks: %w", err)
	}
	known, already := b.Complete(asked.Key)
	return encode(completion{known, already}), nil
}

// CompleteAnywhere is Complete for a stream that may be at another replica, because an engine's
// second request may reach a different replica than its first.
func (b *Broker) CompleteAnywhere(ctx context.Context, key Key) (known, already bool) {
	if known, already = b.Complete(key); known || b.replicas == nil {
		return known, already
	}
	ids, _ := b.replicas.Others()
	for _, id := range ids {
		text, err := b.replicas.Call(ctx, id, elsewhere{Key: key}.encoded())
		var answer completion
		if err == nil && json.Unmarshal(text, &answer) == nil && answer.Known {
			return true, answer.Already
		}
	}
	return false, false
}

// errorOf returns the error with a text from another replica.
func errorOf(text string) error {
	if text == "" {
		return nil
	}
	for _, known := range []error{ErrOverrun, ErrWriterGone, ErrDeleted, ErrClosed} {
		if known.Error() == text {
			return known
		}
	}
	return errors.New(text) // an error of another release
}
