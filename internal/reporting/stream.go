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
	// flushBytes and flushAfter are how much of an answer, and for how long, waits for more of it. An
	// answer that ends before has headers that say all; otherwise what is known at the end is in
	// trailers.
	flushBytes = 64 << 10
	flushAfter = 50 * time.Millisecond
)

const truncatedHeader = "X-Ark-Truncated"

// lines writes rows in a format that has one after the other.
type lines interface {
	media() string
	begin(to *bytes.Buffer, columns []sqlquery.Column) error
	row(to *bytes.Buffer, columns []sqlquery.Column, row []any) error
	// fault is the last line of an answer that has failed, nil where the format has none: then the
	// connection is broken off.
	fault(err error) []byte
}

// stream writes the rows of a statement while it runs. An error that is returned came before
// anything was written.
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
			_, _ = pending.WriteTo(w) // a client that is gone cannot be told
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

// headers say of an answer without an envelope what its envelope would.
func headers(w http.ResponseWriter, media string, fresh freshness) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("X-Ark-Resource-Version", fresh.ResourceVersion)
	w.WriteHeader(http.StatusCreated)
}

// ndjson has an object for each row.
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

// commas is CSV, which has no place for an error.
type commas struct{}

func (commas) media() string { return "text/csv; charset=utf-8; header=present" }

func (commas) begin(to *bytes.Buffer, columns []sqlquery.Column) error {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return record(to, names)
}

func (commas) row(to *bytes.Buffer, _ []sqlquery.Column, row []any) error {
	cells := make([]string, len(row))
	for i, value := range row {
		if value != nil {
			cells[i] = fmt.Sprint(value)
		}
	}
	return record(to, cells)
}

func record(to *bytes.Buffer, cells []string) error {
	out := csv.NewWriter(to)
	_ = out.Write(cells) // Flush keeps the error
	out.Flush()
	return out.Error()
}

func (commas) fault(error) []byte { return nil }
