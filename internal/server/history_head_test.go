package server

import (
	"bytes"
	"strings"
	"testing"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	auditlog "k8s.io/apiserver/plugin/pkg/audit/log"

	"github.com/mckinsey/ark-server/internal/history"
)

// The head of the history's hash chain is an event of the audit log, in the form in which it is
// compared later.
func TestHeadInAuditLog(t *testing.T) {
	var log bytes.Buffer
	head := history.Head{Links: 7, Hash: strings.Repeat("ab", 32), Revision: 42}
	headTeller(auditlog.NewBackend(&log, auditlog.FormatJson, auditv1.SchemeGroupVersion))(head)
	if text := log.String(); !strings.Contains(text, `"records.ark.mckinsey.com/history-chain-head":"`+head.String()+`"`) || !strings.Contains(text, `"auditID":"`) {
		t.Errorf("the audit log has %s", text)
	}
	headTeller(nil)(head) // no audit log
}
