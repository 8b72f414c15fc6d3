package reporting

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// format writes an answer: as a whole, or line by line while the statement runs.
type format struct {
	whole func(w http.ResponseWriter, whole any, answer *status) error
	lines lines
}

// formatOf returns the first format of an Accept header that is supported.
func formatOf(accept string) (format, error) {
	if strings.TrimSpace(accept) == "" {
		return format{whole: writeJSON}, nil
	}
	for one := range strings.SplitSeq(accept, ",") {
		media, parameters, err := mime.ParseMediaType(one)
		if err != nil {
			continue
		}
		switch {
		case media == "application/json" && parameters["as"] == "Table":
			return format{whole: writeTable}, nil
		case media == "application/json", media == "*/*", media == "application/*":
			return format{whole: writeJSON}, nil
		case media == "application/x-ndjson":
			return format{lines: ndjson{}}, nil
		case media == "text/csv":
			return format{lines: &commas{}}, nil
		}
	}
	return format{}, &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotAcceptable, Reason: metav1.StatusReasonNotAcceptable,
		Message: "Accept is none of application/json, application/x-ndjson and text/csv",
	}}
}

func writeJSON(w http.ResponseWriter, whole any, _ *status) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(whole) // the client may be gone
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
	_ = json.NewEncoder(w).Encode(table) // the client may be gone
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
	_ = json.NewEncoder(w).Encode(s) // the client may be gone
}
