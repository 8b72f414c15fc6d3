package apiserver

import (
	"k8s.io/apimachinery/pkg/runtime"
)

// withoutProtobuf offers a serializer's media types but for protobuf.
//
// The Ark types have no protobuf encoding. If it were offered, a client that
// prefers it (Accept: application/vnd.kubernetes.protobuf, application/json)
// would get 406 instead of JSON. PartialObjectMetadata, which has a protobuf
// encoding, is negotiated elsewhere and stays available in it.
type withoutProtobuf struct {
	runtime.NegotiatedSerializer
}

// SupportedMediaTypes implements runtime.NegotiatedSerializer.
func (s withoutProtobuf) SupportedMediaTypes() []runtime.SerializerInfo {
	var kept []runtime.SerializerInfo
	for _, info := range s.NegotiatedSerializer.SupportedMediaTypes() {
		if info.MediaType != runtime.ContentTypeProtobuf {
			kept = append(kept, info)
		}
	}
	return kept
}
