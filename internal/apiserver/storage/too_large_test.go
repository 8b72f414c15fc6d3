package storage

import (
	"errors"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

func TestExplainTooLarge(t *testing.T) {
	other := errors.New("other")
	for _, c := range []struct {
		name     string
		err      error
		tooLarge bool
	}{
		{"etcd's refusal", rpctypes.ErrRequestTooLarge, true},
		{"wrapped", fmt.Errorf("write: %w", rpctypes.ErrRequestTooLarge), true},
		{"the client's refusal", status.Error(codes.ResourceExhausted, "trying to send message larger than max (9 vs. 8)"), true},
		{"another of etcd's", rpctypes.ErrNoSpace, false},
		{"another", other, false},
		{"none", nil, false},
	} {
		got := ObjectLimit{DefaultMaxObjectBytes, "raise it"}.explain(c.err)
		if !c.tooLarge {
			if !errors.Is(got, c.err) {
				t.Errorf("%s: got %v, want it unchanged", c.name, got)
			}
			continue
		}
		if !apierrors.IsRequestEntityTooLargeError(got) {
			t.Errorf("%s: got %v, want 413", c.name, got)
		}
		// The stock handlers look for these two before they try again with less.
		if e, ok := got.(interface{ Code() codes.Code }); !ok || e.Code() != codes.InvalidArgument || got.Error() != "etcdserver: request is too large" {
			t.Errorf("%s: the handlers would not recognise %T %q", c.name, got, got)
		}
	}
}

func TestObjectLimit(t *testing.T) {
	for bytes, want := range map[int]string{64 << 10: "64 KiB", DefaultMaxObjectBytes: "1.5 MiB", 3 << 20: "3 MiB", MaxMaxObjectBytes: "16 MiB"} {
		if got := (ObjectLimit{Bytes: bytes}).String(); got != want {
			t.Errorf("%d bytes: got %q, want %q", bytes, got, want)
		}
	}
}
