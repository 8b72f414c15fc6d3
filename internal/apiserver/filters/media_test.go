package filters

import "testing"

func TestWithoutProtobuf(t *testing.T) {
	const protobuf, json = "application/vnd.kubernetes.protobuf", "application/json"
	for accept, want := range map[string]string{
		"":                                 "",
		json:                               json,
		protobuf:                           "",
		protobuf + "," + json:              json,
		protobuf + ";q=1.0, " + json:       " " + json,
		json + "," + protobuf + ",*/*":     json + ",*/*",
		protobuf + ";stream=watch," + json: json,
		protobuf + ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1," + protobuf + "," + json: protobuf + ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1," + json,
		"nonsense;;;": "nonsense;;;",
	} {
		got, changed := withoutProtobuf(accept)
		if got != want || changed != (accept != want) {
			t.Errorf("withoutProtobuf(%q) = %q, %t; want %q", accept, got, changed, want)
		}
	}
}
