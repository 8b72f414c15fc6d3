package transfer

import (
	"errors"
	"io"
)

// pages decides how many objects are read at once: as many as are likely to fill batchBytes,
// at most pageSize. How large objects are is known once they are read, so the first page is
// small, and each is at most growth times the one before.
type pages struct{ limit int }

const (
	firstPage = 8
	growth    = 8
	// maxPageBytes is how much of a page is read before it is given up for a smaller one.
	maxPageBytes = 2 * batchBytes
)

func newPages() pages { return pages{limit: firstPage} }

// read notes the largest object of a page.
func (p *pages) read(largest int) {
	fit := batchBytes / max(largest, 1)
	p.limit = max(1, min(fit, p.limit*growth, pageSize))
}

// shrink reports whether there is a smaller page to read in place of one that was too large.
func (p *pages) shrink() bool {
	if p.limit == 1 {
		return false
	}
	p.limit = max(1, p.limit/growth)
	return true
}

// errPageTooLarge is for a page beyond maxPageBytes.
var errPageTooLarge = errors.New("the page is too large")

// body reads a page, up to maxPageBytes unless it has one object only.
func (p *pages) body(from io.Reader) ([]byte, error) {
	if p.limit == 1 {
		return io.ReadAll(from)
	}
	text, err := io.ReadAll(io.LimitReader(from, maxPageBytes+1))
	if err == nil && len(text) > maxPageBytes {
		return nil, errPageTooLarge
	}
	return text, err
}
