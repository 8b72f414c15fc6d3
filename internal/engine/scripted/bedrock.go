package scripted

import (
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"net/http"
	"slices"
)

// bedrock answers as Bedrock's ConverseStream does, in AWS's encoding of event streams.
func (s *Server) bedrock(w http.ResponseWriter, a Answer) {
	w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
	at := 0
	block := func(start, delta map[string]any) {
		if start != nil {
			frame(w, "contentBlockStart", map[string]any{"contentBlockIndex": at, "start": start})
		}
		frame(w, "contentBlockDelta", map[string]any{"contentBlockIndex": at, "delta": delta})
		frame(w, "contentBlockStop", map[string]any{"contentBlockIndex": at})
		at++
	}
	frame(w, "messageStart", map[string]any{"role": "assistant"})
	if a.Text != "" {
		block(nil, map[string]any{"text": a.Text})
	}
	if a.Break {
		return
	}
	for _, c := range a.Calls {
		block(map[string]any{"toolUse": map[string]any{"toolUseId": c.ID, "name": c.Name}}, map[string]any{"toolUse": map[string]any{"input": c.Arguments}})
	}
	reason := "end_turn"
	if len(a.Calls) > 0 {
		reason = "tool_use"
	}
	frame(w, "messageStop", map[string]any{"stopReason": reason})
	frame(w, "metadata", map[string]any{"usage": map[string]int{"inputTokens": 7, "outputTokens": 3, "totalTokens": 12, "cacheReadInputTokens": 2}, "metrics": map[string]int{"latencyMs": 1}})
}

// frame writes an event: lengths, headers and the payload, with a checksum after the lengths and
// one at the end.
func frame(w http.ResponseWriter, kind string, data any) {
	payload, err := json.Marshal(data)
	if err != nil {
		return // never fails: maps of strings and numbers always marshal
	}
	var headers []byte
	for _, h := range [][2]string{{":message-type", "event"}, {":event-type", kind}, {":content-type", "application/json"}} {
		const isText = 7
		headers = slices.Concat(headers, []byte{byte(len(h[0]))}, []byte(h[0]), []byte{isText}, binary.BigEndian.AppendUint16(nil, uint16(len(h[1]))), []byte(h[1])) //nolint:gosec // they are short
	}
	const around = 16                                                                   // two lengths and two checksums
	out := binary.BigEndian.AppendUint32(nil, uint32(around+len(headers)+len(payload))) //nolint:gosec // scripts are short
	out = binary.BigEndian.AppendUint32(out, uint32(len(headers)))                      //nolint:gosec // they are short
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
	out = slices.Concat(out, headers, payload)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
	_, _ = w.Write(out) // the client may be gone
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
}
