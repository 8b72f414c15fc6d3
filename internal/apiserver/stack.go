package apiserver

// A goroutine begins with a small stack, which is doubled and copied, frame by
// frame, each time it runs out. The API server takes every request through three
// new goroutines and every event of the watch cache through one, so on the way
// down into the handlers and the decoder that was an eighth of a write and a fifth
// of filling the cache. Where the goroutine has next to nothing on its stack, these
// functions have it grow at once to what it will need. The garbage collector shrinks
// the stacks of those that wait, such as watches.
//
// The room is never used, and so never cleared: it is in the frame either way.

// growDecoderStack has room for decoding an object.
func growDecoderStack() { decoderFrame(false) }

//go:noinline
func decoderFrame(use bool) {
	if use {
		var room [12 << 10]byte
		keepDecoder(&room)
	}
}

//go:noinline
func keepDecoder(*[12 << 10]byte) {}

// growHandlerStack has room for the handlers of a write.
func growHandlerStack() { handlerFrame(false) }

//go:noinline
func handlerFrame(use bool) {
	if use {
		var room [28 << 10]byte
		keepHandler(&room)
	}
}

//go:noinline
func keepHandler(*[28 << 10]byte) {}
