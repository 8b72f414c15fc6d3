package h2client

import (
	"fmt"

	"golang.org/x/net/http2"
)

// read processes what the server sends until the connection breaks.
func (c *Conn) read() {
	unreported := uint32(0) // bytes of answers that no window update has reported yet
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			c.fail(err)
			return
		}
		if data, ok := frame.(*http2.DataFrame); ok {
			unreported += data.Header().Length
		}
		c.mu.Lock()
		err = c.take(frame)
		if unreported > room/2 && err == nil {
			err = c.framer.WriteWindowUpdate(0, unreported)
			unreported = 0
			c.flush()
		}
		if err != nil {
			c.failLocked(err)
		}
		c.mu.Unlock()
	}
}

func (c *Conn) take(frame http2.Frame) error {
	id := frame.Header().StreamID
	s := c.streams[id]
	switch f := frame.(type) {
	case *http2.MetaHeadersFrame:
		if s == nil {
			return nil
		}
		s.status = f.PseudoValue("status")
		if f.StreamEnded() {
			c.end(id, s, nil)
		}
	case *http2.DataFrame:
		if s == nil {
			return nil
		}
		s.answer = append(s.answer, f.Data()...)
		if f.StreamEnded() {
			c.end(id, s, nil)
		}
	case *http2.RSTStreamFrame:
		if s != nil {
			c.end(id, s, fmt.Errorf("the server ended the stream: %s", f.ErrCode))
			c.credit.Broadcast()
		}
	case *http2.WindowUpdateFrame:
		if id == 0 {
			c.window += int64(f.Increment)
		} else if s != nil {
			s.window += int64(f.Increment)
		}
		c.credit.Broadcast()
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			err := c.framer.WritePing(true, f.Data)
			c.flush()
			return err
		}
	case *http2.GoAwayFrame:
		return fmt.Errorf("the server is going away: %s %s", f.ErrCode, f.DebugData())
	}
	return nil
}

func (c *Conn) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if v, ok := f.Value(http2.SettingInitialWindowSize); ok {
		for _, s := range c.streams {
			s.window += int64(v) - c.initial
		}
		c.initial = int64(v)
		c.credit.Broadcast()
	}
	if v, ok := f.Value(http2.SettingHeaderTableSize); ok {
		c.encoder.SetMaxDynamicTableSizeLimit(v)
	}
	err := c.framer.WriteSettingsAck()
	c.flush()
	return err
}
