package reporting

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// format writes an answer.
type format func(w http.ResponseWriter, whole any, answer *status) error

// formatOf chooses the first format of an Accept header that there is.
func formatOf(accept string) (format, error) {
	if strings.TrimSpace(accept) == "" {
		return writeJSON, nil
	}
	for one := range strings.SplitSeq(accept, ",") {
		media, parameters, err := mime.ParseMediaType(one)
		if err != nil {
			continue
		}
		switch {
		case media == "application/json" && parameters["as"] == "Table":
			return writeTable, nil
		case media == "application/json", media == "*/*", media == "application/*":
			return writeJSON, nil
		case media == "application/x-ndjson":
			return writeNDJSON, nil
		case media == "text/csv":
			return writeCSV, nil
		}
	}
	return nil, &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotAcceptable, Reason: metav1.StatusReasonNotAcceptable,
		Message: "Accept is none of application/json, application/x-ndjson and text/csv",
	}}
}

func writeJSON(w http.ResponseWriter, whole any, _ *status) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(whole) // a client that is gone cannot be told
	return nil
}

// headers say of an answer without an envelope what its envelope would.
func headers(w http.ResponseWriter, media string, answer *status) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("X-Ark-Resource-Version", answer.ResourceVersion)
	w.Header().Set("X-Ark-Truncated", fmt.Sprint(answer.Truncated))
	if answer.Truncated {
		w.Header().Add("Warning", `299 - "there are more rows: raise spec.limit, or narrow the statement"`)
	}
	w.WriteHeader(http.StatusCreated)
}

func writeNDJSON(w http.ResponseWriter, _ any, answer *status) error {
	headers(w, "application/x-ndjson", answer)
	e := json.NewEncoder(w)
	for _, row := range answer.Rows {
		one := make(map[string]any, len(row))
		for i, c := range answer.Columns {
			one[c.Name] = row[i]
		}
		if e.Encode(one) != nil {
			return nil // the client is gone
		}
	}
	return nil
}

func writeCSV(w http.ResponseWriter, _ any, answer *status) error {
	headers(w, "text/csv; charset=utf-8; header=present", answer)
	out := csv.NewWriter(w)
	names := make([]string, len(answer.Columns))
	for i, c := range answer.Columns {
		names[i] = c.Name
	}
	_ = out.Write(names) // Flush keeps the error
	for _, row := range answer.Rows {
		cells := make([]string, len(row))
		for i, value := range row {
			if value != nil {
				cells[i] = fmt.Sprint(value)
			}
		}
		_ = out.Write(cells)
	}
	out.Flush()
	return nil
}

func writeTable(w http.ResponseWriter, _ any, answer *status) error {
	table := metav1.Table{TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "Table"}, Rows: []metav1.TableRow{}}
	table.ResourceVersion = answer.ResourceVersion
	for _, c := range answer.Columns {
		t := map[string]string{"integer": "integer", "real": "number"}[c.Type]
		if t == "" {
			t = "string"
		}
		table.ColumnDefinitions = append(table.ColumnDefinitions, metav1.TableColumnDefinition{Name: c.Name, Type: t})
	}
	for _, row := range answer.Rows {
		table.Rows = append(table.Rows, metav1.TableRow{Cells: row})
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(table) // a client that is gone cannot be told
	return nil
}

// refuse writes an error as a Status.
func refuse(w http.ResponseWriter, err error) {
	var known apierrors.APIStatus
	if !errors.As(err, &known) {
		known = apierrors.NewInternalError(err)
	}
	s := known.Status()
	s.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	if s.Details != nil && s.Details.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(s.Details.RetryAfterSeconds))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(s.Code))
	_ = json.NewEncoder(w).Encode(s) // a client that is gone cannot be told
}
