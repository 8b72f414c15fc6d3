package storage

import (
	"errors"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestExplainUnavailable: only what has certainly not been written may be sent again unseen.
func TestExplainUnavailable(t *testing.T) {
	const same = metav1.StatusReason("")
	for _, c := range []struct {
		name        string
		err         error
		write, read metav1.StatusReason
	}{
		{"nothing written", status.Error(codes.Unavailable, "etcdserver: storage unavailable, nothing was written: connection refused"),
			metav1.StatusReasonServiceUnavailable, metav1.StatusReasonServiceUnavailable},
		{"a failed read", status.Error(codes.Unavailable, "etcdserver: read the position: connection refused"),
			metav1.StatusReasonServiceUnavailable, metav1.StatusReasonServiceUnavailable},
		{"unknown outcome", rpctypes.ErrTimeout, metav1.StatusReasonTimeout, same},
		{"etcd without a leader", rpctypes.ErrLeaderChanged, same, same},
		{"another endpoint's connection", status.Error(codes.Unavailable, "transport is closing"), metav1.StatusReasonTimeout, metav1.StatusReasonServiceUnavailable},
		{"another endpoint's silence", status.Error(codes.Aborted, "etcd did not answer"), metav1.StatusReasonTimeout, metav1.StatusReasonServiceUnavailable},
		{"another", errors.New("other"), same, same},
		{"none", nil, same, same},
	} {
		for what, pair := range map[string]struct {
			got  error
			want metav1.StatusReason
		}{"write": {explainWrite(c.err), c.write}, "read": {explainRead(c.err), c.read}} {
			if pair.want == same && !errors.Is(pair.got, c.err) || pair.want != same && apierrors.ReasonForError(pair.got) != pair.want {
				t.Errorf("%s, %s: got %v, want %q", c.name, what, pair.got, pair.want)
			}
			after, again := apierrors.SuggestsClientDelay(pair.got)
			if want := pair.want == metav1.StatusReasonServiceUnavailable; again != want || want && after < 1 {
				t.Errorf("%s, %s: try again %t after %d s", c.name, what, again, after)
			}
		}
	}
}
