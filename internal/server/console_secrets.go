package server

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// keptSecrets is how long a replaced secret still opens the sessions that it sealed: their
// lifetime.
const keptSecrets = 12 * time.Hour

// fileSecrets are the contents of a file: the current one first, then those that this process has
// read before. It is safe for concurrent use.
type fileSecrets struct {
	path string
	now  func() time.Time

	mu      sync.Mutex
	changed time.Time
	all     [][]byte
	since   []time.Time // when each of all but the first was replaced
}

func (f *fileSecrets) read() ([][]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, fmt.Errorf("look at the key of sessions: %w", err)
	}
	now := f.now()
	if len(f.all) == 0 || !info.ModTime().Equal(f.changed) {
		content, err := os.ReadFile(f.path)
		if err != nil {
			return nil, fmt.Errorf("read the key of sessions: %w", err)
		}
		if len(content) < 16 {
			return nil, fmt.Errorf("read the key of sessions: %s is too short", f.path)
		}
		f.changed = info.ModTime()
		if len(f.all) == 0 || !bytes.Equal(f.all[0], content) {
			if len(f.all) > 0 {
				f.since = append([]time.Time{now}, f.since...)
			}
			f.all = append([][]byte{content}, f.all...)
		}
	}
	for last := len(f.since) - 1; last >= 0 && now.Sub(f.since[last]) > keptSecrets; last-- {
		f.all, f.since = f.all[:last+1], f.since[:last]
	}
	return slices.Clone(f.all), nil
}

// certificateNames reports whether a name is in the certificate in a file.
func certificateNames(file, name string) bool {
	content, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	block, _ := pem.Decode(content)
	if block == nil || block.Type != "CERTIFICATE" {
		return false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	return err == nil && certificate.VerifyHostname(name) == nil
}
