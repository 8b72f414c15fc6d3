package etcdserver_test

import (
	"database/sql"
	"strings"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	_ "modernc.org/sqlite"

	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Who writes is recorded with the write, however it arrives.
func TestActor(t *testing.T) {
	alice := mvcc.Actor{
		User: "alice", Groups: "system:authenticated,équipe", Impersonator: "root", UserAgent: "kubectl/1.37",
		FieldManager: "kubectl-edit", AuditID: "1234", Verb: "update",
	}
	long := alice
	long.UserAgent = strings.Repeat("a", 5000)
	cut := long
	cut.UserAgent = long.UserAgent[:1024]
	tests := []struct {
		name        string
		given, want mvcc.Actor
	}{
		{"complete", alice, alice},
		{"none", mvcc.Actor{}, mvcc.Actor{}},
		{"too long", long, cut},
	}
	onBoth(t, quiet, func(t *testing.T, e *endpoint) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				ctx := etcdserver.WithActor(testContext(t), tt.given)
				writes := []func() (*pb.ResponseHeader, error){
					func() (*pb.ResponseHeader, error) {
						r, err := e.kv.Put(ctx, &pb.PutRequest{Key: []byte("k")})
						return r.GetHeader(), err
					},
					func() (*pb.ResponseHeader, error) {
						r, err := e.client.Txn(ctx).Then().Commit()
						if err != nil {
							return nil, err
						}
						put, err := e.client.Kubernetes.OptimisticPut(ctx, "k", []byte("2"), r.Header.Revision, putOptions())
						return &pb.ResponseHeader{Revision: put.Revision}, err
					},
					func() (*pb.ResponseHeader, error) {
						r, err := e.kv.DeleteRange(ctx, &pb.DeleteRangeRequest{Key: []byte("k")})
						return r.GetHeader(), err
					},
				}
				for i, write := range writes {
					h, err := write()
					if err != nil {
						t.Fatal(err)
					}
					if got := recordedActor(t, e.path, h.Revision); got != tt.want {
						t.Errorf("write %d: got %+v", i, got)
					}
				}
			})
		}
	})
}

func recordedActor(t *testing.T, path string, revision int64) mvcc.Actor {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var a mvcc.Actor
	err = db.QueryRow(`
		SELECT coalesce(user, ''), coalesce(groups, ''), coalesce(impersonator, ''), coalesce(user_agent, ''),
		       coalesce(field_manager, ''), coalesce(audit_id, ''), coalesce(verb, '')
		FROM log WHERE id >> 20 = ?`, revision).
		Scan(&a.User, &a.Groups, &a.Impersonator, &a.UserAgent, &a.FieldManager, &a.AuditID, &a.Verb)
	if err != nil {
		t.Fatalf("revision %d: %v", revision, err)
	}
	return a
}
