package stack

// GrowForDecoder has room for decoding an object.
func GrowForDecoder() { decoderFrame(false) }

//go:noinline
func decoderFrame(use bool) {
	if use {
		var room [12 << 10]byte
		keepDecoder(&room)
	}
}

//go:noinline
func keepDecoder(*[12 << 10]byte) {}

// GrowForHandlers has room for the handlers of a write.
func GrowForHandlers() { handlerFrame(false) }

//go:noinline
func handlerFrame(use bool) {
	if use {
		var room [28 << 10]byte
		keepHandler(&room)
	}
}

//go:noinline
func keepHandler(*[28 << 10]byte) {}
