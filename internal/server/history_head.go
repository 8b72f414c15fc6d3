package server

import (
	"log/slog"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/mckinsey/ark-server/internal/apis/records"
	"github.com/mckinsey/ark-server/internal/history"
)

// headAnnotation is the audit event annotation with the head of the history's hash chain.
const headAnnotation = records.GroupName + "/history-chain-head"

// headTeller returns a function that writes the head of the history's hash chain to the log, and to
// the audit log if there is one. The event belongs to no request, so no audit policy omits it.
func headTeller(backend audit.Backend) func(history.Head) {
	return func(h history.Head) {
		slog.Info("the head of the history's hash chain: keep it elsewhere, and compare it with: ark-server history verify --head=HEAD",
			"head", h.String(), "revision", h.Revision)
		if backend == nil {
			return
		}
		now := metav1.NewMicroTime(time.Now())
		backend.ProcessEvents(&auditinternal.Event{
			Level: auditinternal.LevelMetadata, Stage: auditinternal.StageResponseComplete, AuditID: uuid.NewUUID(),
			Verb: "announce", RequestURI: "/apis/" + records.GroupName, RequestReceivedTimestamp: now, StageTimestamp: now,
			User:        auditUser,
			Annotations: map[string]string{headAnnotation: h.String()},
		})
	}
}

// auditUser is the user of the server itself.
var auditUser = authenticationv1.UserInfo{Username: user.APIServerUser, Groups: []string{user.SystemPrivilegedGroup}}
