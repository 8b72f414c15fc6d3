package history

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"io"
	"sync"
	"time"
)

// record is what a row of the archive holds of a version; the key says the rest.
type record struct {
	Kind         string   `json:"k,omitempty"`
	UID          string   `json:"i,omitempty"`
	Created      int64    `json:"c,omitempty"`
	Generation   int64    `json:"g,omitempty"`
	Verb         string   `json:"v,omitempty"`
	Deleted      bool     `json:"d,omitempty"`
	StatusOnly   bool     `json:"s,omitempty"`
	User         string   `json:"u,omitempty"`
	Groups       []string `json:"gs,omitempty"`
	Impersonator string   `json:"im,omitempty"`
	UserAgent    string   `json:"ua,omitempty"`
	FieldManager string   `json:"fm,omitempty"`
	AuditID      string   `json:"a,omitempty"`
	Cause        string   `json:"ca,omitempty"`
	Time         int64    `json:"t"` // milliseconds since 1970
	Encrypted    bool     `json:"e,omitempty"`
	// Base is the revision of the version that the body is a delta of, 0 where the body is the object.
	Base int64 `json:"b,omitempty"`

	body []byte
}

func recordOf(v *Version) record {
	return record{
		Kind: v.Kind, UID: v.UID, Created: v.CreateRevision, Generation: v.Generation, Verb: v.Verb, Deleted: v.Deleted,
		StatusOnly: v.StatusOnly, User: v.User, Groups: v.Groups, Impersonator: v.Impersonator, UserAgent: v.UserAgent,
		FieldManager: v.FieldManager, AuditID: v.AuditID, Cause: v.Cause, Time: v.Time.UnixMilli(), Encrypted: v.Encrypted,
	}
}

// version is what the record says, without the object.
func (r *record) version(ref Ref, revision int64) *Version {
	return &Version{
		Resource: ref.Resource, Namespace: ref.Namespace, Name: ref.Name, Revision: revision,
		Kind: r.Kind, UID: r.UID, CreateRevision: r.Created, Generation: r.Generation, Verb: r.Verb, Deleted: r.Deleted,
		StatusOnly: r.StatusOnly, User: r.User, Groups: r.Groups, Impersonator: r.Impersonator, UserAgent: r.UserAgent,
		FieldManager: r.FieldManager, AuditID: r.AuditID, Cause: r.Cause, Time: time.UnixMilli(r.Time), Encrypted: r.Encrypted,
	}
}

// dictionary is what most records and objects contain; the likeliest last. Rows are read with the one that they were written with: a
// change of it needs a new number in front of the rows.
const dictionary = `"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"","namespace":"default","uid":"` +
	`","creationTimestamp":"2026-"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"labels":{` +
	`"managedFields":[{"manager":"kubectl-client-side-apply","operation":"Update","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{".":{},` +
	`"f:spec":{"f:status":{"f:conditions":{"subresource":"status"}]},"spec":{"prompt":"modelRef":{"targets":[{"type":"agent","status":{"phase":"done",` +
	`"conditions":[{"lastTransitionTime":"2026-"message":"","reason":"status":"True","type":"` +
	`{"k":"Agent","i":"-","c":1,"g":1,"v":"create","s":true,"u":"system:serviceaccount:kubernetes-admin","gs":["system:masters",` +
	`"system:authenticated","system:serviceaccounts"],"ua":"kubectl/v1. (linux/amd64) kubernetes/","fm":"kubectl-","a":"-","v":"update","v":"patch","t":17`

// rowFormat is in front of each row.
const rowFormat = 1

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriterDict(nil, flate.DefaultCompression, []byte(dictionary))
	if err != nil {
		panic(err) // the level is one that there is
	}
	return w
}}

// encode returns the data of a row.
func (r *record) encode() ([]byte, error) {
	head, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteByte(rowFormat)
	w := deflaters.Get().(*flate.Writer) //nolint:errcheck // it holds nothing else
	defer deflaters.Put(w)
	w.Reset(&out)
	for _, part := range [][]byte{binary.AppendUvarint(nil, uint64(len(head))), head, r.body} {
		if _, err := w.Write(part); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// decode reads the data of a row.
func decode(data []byte) (*record, error) {
	if len(data) == 0 || data[0] != rowFormat {
		return nil, errDamaged
	}
	in := flate.NewReaderDict(bytes.NewReader(data[1:]), []byte(dictionary))
	all, err := io.ReadAll(in)
	if err != nil {
		return nil, errDamaged
	}
	n, size := binary.Uvarint(all)
	if size <= 0 || n > uint64(len(all)-size) {
		return nil, errDamaged
	}
	r := &record{}
	if json.Unmarshal(all[size:size+int(n)], r) != nil {
		return nil, errDamaged
	}
	r.body = all[size+int(n):]
	return r, nil
}
