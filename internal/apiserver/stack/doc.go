// Package stack grows the stack of a goroutine before it works.
//
// A goroutine begins with a small stack, which is doubled and copied, frame by
// frame, each time it runs out. The API server takes every request through three
// new goroutines and every event of the watch cache through one, so on the way
// down into the handlers and the decoder that was an eighth of a write and a fifth
// of filling the cache. Where the goroutine has next to nothing on its stack, these
// functions have it grow at once to what it will need. The garbage collector shrinks
// the stacks of those that wait, such as watches.
//
// The room is never used, and so never cleared: it is in the frame either way.
//
// The package may import the standard library only.
package stack
