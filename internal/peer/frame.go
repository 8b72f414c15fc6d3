package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A stream is a sequence of frames: a byte for the kind, the length as 4 bytes, big-endian, and
// so many bytes.
const (
	frameChunk = 'c'
	frameEnd   = 'e' // the number of chunks, as 8 bytes: the stream is complete
	frameError = 'x' // the message of the handler's error
	frameHead  = 5
)

// MaxMessage bounds a request, an answer and a chunk, in bytes.
const MaxMessage = 16 << 20

// errBroken: the connection ended before the stream did.
var errBroken = errors.New("the stream broke off")

func appendFrame(buf []byte, kind byte, data []byte) []byte {
	buf = append(buf, kind)
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(data)))
	return append(buf, data...)
}

// frames reads what appendFrame wrote.
type frames struct {
	r      io.Reader
	chunks uint64
	ended  error
}

// next returns the next chunk, io.EOF after the last one, or why there is none.
func (f *frames) next() ([]byte, error) {
	if f.ended != nil {
		return nil, f.ended
	}
	chunk, err := f.read()
	f.ended = err
	return chunk, err
}

func (f *frames) read() ([]byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return nil, broken(err)
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > MaxMessage {
		return nil, fmt.Errorf("%w: a frame of %d bytes", errBroken, size)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(f.r, data); err != nil {
		return nil, broken(err)
	}
	switch head[0] {
	case frameChunk:
		f.chunks++
		return data, nil
	case frameError:
		return nil, &RemoteError{string(data)}
	case frameEnd:
		if len(data) == 8 && binary.BigEndian.Uint64(data) == f.chunks {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("%w: of its chunks %d have come", errBroken, f.chunks)
	}
	return nil, fmt.Errorf("%w: a frame of the unknown kind %q", errBroken, head[0])
}

// broken is the error of a read that ended early.
func broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errBroken
	}
	return fmt.Errorf("%w: %w", errBroken, err)
}
