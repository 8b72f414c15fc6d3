// Package encoding has the codecs of the Ark kinds: the JSON that clients get and send
// (Codecs.Negotiated), the JSON that is stored (Codecs.ForStorage), and the converter that shows
// objects to the field manager (NewTypeConverter).
//
// Each stands in front of the stock one, agrees with it to the byte in what it does itself, and
// leaves the rest to it: what a codec cannot decode, or finds wrong, the stock code judges.
//
// Invariants: unknown fields of an object come out as they went in; a decoded object's strings are
// parts of what was stored, which is never written to.
//
// The package may import internal/apis/ark/install, internal/apiserver/findings,
// internal/apiserver/hooks, internal/apiserver/stack, internal/objectjson,
// k8s.io/apimachinery, k8s.io/kube-openapi, sigs.k8s.io/json and
// sigs.k8s.io/structured-merge-diff/v6.
package encoding
