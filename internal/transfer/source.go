package transfer

import "context"

// Source is where objects come from. Its methods are called by one goroutine.
type Source interface {
	// ID is the same for the same origin, whatever way is taken to it, and different for different
	// ones.
	ID() string
	// Objects calls batch with the text of every object, as JSON, some at a time. It may begin a kind
	// again, so an object may come twice. An error of batch ends it.
	Objects(ctx context.Context, batch func([]Item) error) error
	// Serves reports whether the source has the kind at all; of a kind that it has not, nothing was
	// deleted there.
	Serves(plural string) bool
}

// Item is one object of a source.
type Item struct {
	// Text is JSON.
	Text []byte
	// Where names the place of the text for errors, such as "agents.yaml, line 12"; empty where the
	// object's own name is enough.
	Where string
	// Err is why the source could make no text of it, which counts as Refused; Where names it then.
	Err error
}
