package reporting

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/sqlquery"
)

const (
	// flushBytes and flushAfter bound the bytes of an answer that are buffered, and for how long. A
	// shorter answer has all its metadata in headers; otherwise the metadata that is known at the end
	// is in trailers.
	flushBytes = 64 << 10
	flushAfter = 50 * time.Millisecond
)

const truncatedHeader = "X-Ark-Truncated"

// lines writes rows in a line-based format.
type lines interface {
	media() string
	begin(to *bytes.Buffer, columns []sqlquery.Column) error
	row(to *bytes.Buffer, columns []sqlquery.Column, row []any) error
	// fault returns the last line of an answer that has failed, nil if the format has none: then the
	// connection is closed.
	fault(err error) []byte
}

// stream writes the rows of a statement while it runs. If it returns an error, it has not written
// anything.
func stream(w http.ResponseWriter, of lines, s *sqlquery.Stream, fresh freshness) error {
	var pending bytes.Buffer
	if err := of.begin(&pending, s.Columns); err != nil {
		return err
	}
	begun := false
	flush := func() error {
		if !begun {
			begun = true
			w.Header().Set("Trailer", truncatedHeader)
			headers(w, of.media(), fresh)
		}
		if _, err := pending.WriteTo(w); err != nil {
			return err
		}
		if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		return nil
	}
	for {
		row, err := s.NextWithin(flushAfter)
		switch {
		case errors.Is(err, sqlquery.ErrNotYet):
			if pending.Len() > 0 && flush() != nil {
				return nil // the client is gone
			}
			continue
		case errors.Is(err, io.EOF):
			w.Header().Set(truncatedHeader, fmt.Sprint(s.Truncated)) // a trailer if the answer has begun
			if !begun {
				if s.Truncated {
					w.Header().Add("Warning", `299 - "there are more rows: raise spec.limit, or narrow the statement"`)
				}
				headers(w, of.media(), fresh)
			}
			_, _ = pending.WriteTo(w) // the client may be gone
			return nil
		case err != nil && !begun:
			return asStatus(err)
		case err != nil:
			last := of.fault(asStatus(err))
			if last == nil {
				_ = flush()
				panic(http.ErrAbortHandler)
			}
			w.Header().Set(truncatedHeader, "true")
			pending.Write(last)
			_ = flush()
			return nil
		}
		if err := of.row(&pending, s.Columns, row); err != nil {
			return err
		}
		if pending.Len() >= flushBytes && flush() != nil {
			return nil
		}
	}
}

// headers sets the metadata of an answer without an envelope as headers.
func headers(w http.ResponseWriter, media string, fresh freshness) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("X-Ark-Resource-Version", fresh.ResourceVersion)
	w.WriteHeader(http.StatusCreated)
}

// ndjson writes a JSON object for each row.
type ndjson struct{}

func (ndjson) media() string { return "application/x-ndjson" }

func (ndjson) begin(*bytes.Buffer, []sqlquery.Column) error { return nil }

func (ndjson) row(to *bytes.Buffer, columns []sqlquery.Column, row []any) error {
	one := make(map[string]any, len(row))
	for i, c := range columns {
		one[c.Name] = row[i]
	}
	return json.NewEncoder(to).Encode(one)
}

func (ndjson) fault(err error) []byte {
	message := err.Error()
	var known apierrors.APIStatus
	if errors.As(err, &known) {
		message = known.Status().Message
	}
	line, err := json.Marshal(map[string]string{"error": message})
	if err != nil {
		return nil
	}
	return append(line, '\n')
}

// commas writes CSV, which cannot represent an error.
type commas struct{ out *csv.Writer }

func (*commas) media() string { return "text/csv; charset=utf-8; header=present" }

func (c *commas) begin(to *bytes.Buffer, columns []sqlquery.Column) error {
	c.out = csv.NewWriter(to)
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return c.record(names)
}

func (c *commas) row(_ *bytes.Buffer, _ []sqlquery.Column, row []any) error {
	cells := make([]string, len(row))
	for i, value := range row {
		if value != nil {
			cells[i] = fmt.Sprint(value)
		}
	}
	return c.record(cells)
}

func (c *commas) record(cells []string) error {
	_ = c.out.Write(cells) // Error returns its error
	c.out.Flush()
	return c.out.Error()
}

func (*commas) fault(error) []byte { return nil }
