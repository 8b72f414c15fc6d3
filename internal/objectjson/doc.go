// Package objectjson encodes API objects as encoding/json does, byte for byte,
// and decodes them as sigs.k8s.io/json does, several times as fast.
//
// It is fast because a Codec knows its one Go type beforehand, because it takes
// most text eight bytes at a time, and because it reads what a json.Marshaler
// returns (free-form fields, managed fields) once instead of twice. A decoded object
// is made of few pieces: its strings are parts of the text, its times lie together.
//
// It decides nothing: whatever it does not know (an unknown or repeated field, a
// value of another type, a syntax error, a Marshaler's failure) it leaves to the
// caller, who asks the stock code instead and so gets the stock code's answer.
//
// Codecs are immutable and safe for concurrent use.
//
// The package may import k8s.io/apimachinery and sigs.k8s.io/json.
package objectjson
