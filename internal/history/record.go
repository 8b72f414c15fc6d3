package history

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"io"
	"strings"
	"sync"
	"time"
)

// record is a version as a row stores it. Object is nil: it is built from the body.
type record struct {
	*Version
	// base is the revision of the version that the body is a delta of, 0 if the body is the whole
	// object.
	base int64
	body []byte
}

func (r record) place() (int64, Ref) { return r.Revision, r.Ref() }

// A row has versions of one object, oldest first. It starts with rowFormat, followed by deflated
// data: for each version its head, the length of the body, and the body. A head has numbers
// followed by strings; a string that is the same as in the previous version takes one byte. A row
// of saltedFormat has versions that are in the hash chain; their heads may have a salt after the
// flags.
const (
	rowFormat    = 2
	saltedFormat = 4
)

const (
	flagDeleted = 1 << iota
	flagStatusOnly
	flagEncrypted
	flagSalted
)

// strings returns the strings of a head, in order.
func (r *record) strings() [9]*string {
	return [...]*string{&r.Kind, &r.UID, &r.Verb, &r.User, nil, &r.Impersonator, &r.UserAgent, &r.FieldManager, &r.AuditID}
}

// groupsAt is the index of the groups in strings, joined by commas.
const groupsAt = 4

// encodeRow encodes the data of a row.
func encodeRow(records []record) ([]byte, error) {
	var plain []byte
	var before [9]string
	var revision, at int64
	format := byte(rowFormat)
	for i := range records {
		r := &records[i]
		plain = binary.AppendUvarint(plain, uint64(r.Revision-revision))
		plain = binary.AppendVarint(plain, r.Time.UnixMilli()-at)
		revision, at = r.Revision, r.Time.UnixMilli()
		plain = binary.AppendUvarint(plain, uint64(r.CreateRevision))
		plain = binary.AppendUvarint(plain, uint64(r.Generation))
		flags := byte(0)
		for bit, set := range map[byte]bool{flagDeleted: r.Deleted, flagStatusOnly: r.StatusOnly, flagEncrypted: r.Encrypted, flagSalted: r.salt != nil} {
			if set {
				flags |= bit
			}
		}
		plain = append(plain, flags)
		if r.salt != nil {
			format = saltedFormat
			plain = append(plain, r.salt...)
		}
		base := uint64(0)
		if r.base > 0 {
			base = uint64(r.Revision - r.base)
		}
		plain = binary.AppendUvarint(plain, base)
		for n, s := range r.strings() {
			value := ""
			if n == groupsAt {
				value = strings.Join(r.Groups, ",")
			} else {
				value = *s
			}
			if value == before[n] {
				plain = append(plain, 0)
				continue
			}
			before[n] = value
			plain = appendBytes(plain, 1, value)
		}
		plain = appendBytes(plain, 0, r.Cause)
		plain = appendBytes(plain, 0, r.body)
	}
	return deflate(format, plain)
}

// appendBytes appends the length plus more, and then the bytes.
func appendBytes[T string | []byte](to []byte, more int, b T) []byte {
	return append(binary.AppendUvarint(to, uint64(len(b)+more)), b...)
}

// decodeRow decodes the data of a row.
func decodeRow(ref Ref, data []byte) ([]record, error) {
	format := byte(rowFormat)
	if len(data) > 0 && data[0] == saltedFormat {
		format = saltedFormat
	}
	plain, err := inflate(format, data)
	if err != nil {
		return nil, err
	}
	in := &input{rest: plain}
	var records []record
	var before [9]string
	var revision, at int64
	for len(in.rest) > 0 {
		r := record{Version: &Version{Resource: ref.Resource, Namespace: ref.Namespace, Name: ref.Name}}
		revision += int64(in.number())
		at += in.signed()
		r.Revision, r.Time = revision, time.UnixMilli(at)
		r.CreateRevision = int64(in.number())
		r.Generation = int64(in.number())
		flags := in.number()
		if flags&flagSalted != 0 {
			r.salt = in.bytes(saltSize)
		}
		r.Deleted, r.StatusOnly, r.Encrypted = flags&flagDeleted != 0, flags&flagStatusOnly != 0, flags&flagEncrypted != 0
		if base := int64(in.number()); base > 0 {
			r.base = r.Revision - base
		}
		for n, s := range r.strings() {
			if size := in.number(); size > 0 {
				before[n] = string(in.bytes(size - 1))
			}
			if n != groupsAt {
				*s = before[n]
			} else if before[n] != "" {
				r.Groups = strings.Split(before[n], ",")
			}
		}
		r.Cause = string(in.bytes(in.number()))
		r.body = in.bytes(in.number())
		if in.damaged || r.base < 0 {
			return nil, errDamaged
		}
		records = append(records, r)
	}
	return records, nil
}

// input decodes the output of append functions. After an unexpected end it is marked as damaged,
// and returns zero values.
type input struct {
	rest    []byte
	damaged bool
}

func (in *input) number() uint64 {
	n, size := binary.Uvarint(in.rest)
	return advance(in, n, size)
}

func (in *input) signed() int64 {
	n, size := binary.Varint(in.rest)
	return advance(in, n, size)
}

func advance[T uint64 | int64](in *input, n T, size int) T {
	if size <= 0 {
		in.damaged, in.rest = true, nil
		return 0
	}
	in.rest = in.rest[size:]
	return n
}

func (in *input) bytes(n uint64) []byte {
	if n > uint64(len(in.rest)) {
		in.damaged, in.rest = true, nil
		return nil
	}
	b := in.rest[:n:n]
	in.rest = in.rest[n:]
	return b
}

// dictionary has the strings that most records and objects contain; the most frequent are last.
// Rows are read with the dictionary that they were written with: a changed dictionary needs a new
// format number.
const dictionary = `"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Query","metadata":{"name":"","namespace":"default","uid":"` +
	`","creationTimestamp":"2026-"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"labels":{` +
	`"managedFields":[{"manager":"kubectl-client-side-apply","operation":"Update","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{".":{},` +
	`"f:spec":{"f:status":{"f:conditions":{"subresource":"status"}]},"spec":{"prompt":"modelRef":{"targets":[{"type":"agent","status":{"phase":"done",` +
	`"conditions":[{"lastTransitionTime":"2026-"message":"","reason":"status":"True","type":"` +
	`Agentcreatesystem:serviceaccount:kubernetes-adminsystem:masters,system:authenticated,system:serviceaccounts` +
	`kubectl/v1. (linux/amd64) kubernetes/kubectl-patchupdate`

// level selects greedy matching: higher levels take twice the time for a few percent.
const level = 3

var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriterDict(nil, level, []byte(dictionary))
	if err != nil {
		panic(err) // the level is valid
	}
	return w
}}

// deflate compresses the data of a row.
func deflate(format byte, plain []byte) ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte(format)
	w := deflaters.Get().(*flate.Writer) //nolint:errcheck // it holds nothing else
	defer deflaters.Put(w)
	w.Reset(&out)
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

var inflaters = sync.Pool{New: func() any { return flate.NewReaderDict(bytes.NewReader(nil), []byte(dictionary)) }}

func inflate(format byte, data []byte) ([]byte, error) {
	if len(data) == 0 || data[0] != format {
		return nil, errDamaged
	}
	in := inflaters.Get().(io.ReadCloser) //nolint:errcheck // it holds nothing else
	defer inflaters.Put(in)
	if in.(flate.Resetter).Reset(bytes.NewReader(data[1:]), []byte(dictionary)) != nil { //nolint:errcheck // as documented
		return nil, errDamaged
	}
	plain, err := io.ReadAll(in)
	if err != nil {
		return nil, errDamaged
	}
	return plain, nil
}
