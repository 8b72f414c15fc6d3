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
	// Open has one of them send what Broker.Serve sends. The context bounds all of it.
	Open(ctx context.Context, id string, request []byte) (Incoming, error)
	// Call has one of them answer as Broker.Answer does.
	Call(ctx context.Context, id string, request []byte) ([]byte, error)
}

// Incoming is what a replica sends. It belongs to one goroutine.
type Incoming interface {
	// Recv waits for the next message. Any error says that no more come.
	Recv() ([]byte, error)
	Close()
}

// ErrReplicaGone: the replica that the stream came from is gone.
var ErrReplicaGone = errors.New("the replica that this stream came from is gone: read the answer from the query")

// The messages of Serve: the first byte says what the rest is.
const (
	// messageReading comes first: what is written from now on is sent.
	messageReading = 'r'
	messageChunk   = 'c'
	// messageHeld says that the stream is here, so that its readers miss something if the replica
	// goes. It comes once.
	messageHeld = 'h'
	// messageEnd is the last; the rest is the error, "" for a stream that is complete.
	messageEnd = 'e'
)

// elsewhere is what a replica asks another one: for a stream, or to complete it.
type elsewhere struct {
	Key
	UID           string
	FromBeginning bool
}

// encoded never fails: everything in it is text.
func (e elsewhere) encoded() []byte { return encode(e) }

// Connect has readers get what other replicas hold, too. It is called before the broker is used.
func (b *Broker) Connect(r Replicas) { b.replicas = r }

// Serve sends another replica what this one has of a stream, until its end.
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

// completion is the answer to a replica that asks to complete a stream.
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

// CompleteAnywhere is Complete for a stream that may be at another replica: an engine's second
// request need not come to the one that has had its first.
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

// errorOf returns the error that another replica has named.
func errorOf(text string) error {
	if text == "" {
		return nil
	}
	for _, known := range []error{ErrOverrun, ErrWriterGone, ErrDeleted, ErrClosed} {
		if known.Error() == text {
			return known
		}
	}
	return errors.New(text) // of another release
}
