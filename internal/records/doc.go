// Package records serves the API group records.ark.mckinsey.com, and the subresources and
// parameters that the history adds to Ark's own kinds.
//
//   - group.go: the group, and where it is installed
//   - kinds.go, names.go, rights.go: Ark's kinds, the names of versions, and authorization
//   - revisions.go, list.go, revision.go, table.go: the kind Revision
//   - follow.go: streaming of new revisions
//   - subresource.go, diff.go, jsonpatch.go, unified.go, blame.go, rollback.go: the subresources of
//     Ark's kinds
//   - past.go: lists and gets as of a time
//   - deleted.go: the kind DeletedObject, and undelete
//   - retention.go, retention_storage.go, maintain.go: retention policies, their application, and
//     purges
//   - verify.go: comparing the history with its hash chain
//   - send.go: writes on behalf of the sender of a request
//   - reports.go, reports_storage.go: the kind Report, and the ready reports
//   - questions.go: the kinds that internal/reporting answers
//   - off.go: the answers without a history
//
// Invariants:
//
//   - A version is shown to users that may list revisions in its namespace and list the kind of its
//     object there, in addition to the rights that the request itself needs. Hidden versions are
//     not counted, no token names them, and a request for a hidden version gets the same answer as
//     one for a missing version.
//   - Secrets in objects are hidden from users that may not get the object itself.
//   - Revisions and deleted objects offer neither watch, delete nor deletecollection: so
//     controllers that watch every kind ignore them.
//
// The package may import internal/access, internal/apis/ark, internal/apis/ark/install,
// internal/apis/records, internal/apis/records/openapi, internal/apis/records/v1alpha1,
// internal/apiserver/assembly, internal/apiserver/filters, internal/apiserver/storage,
// internal/history, internal/inprocess, internal/redact, internal/registry,
// github.com/emicklei/go-restful/v3, k8s.io/apimachinery, k8s.io/apiserver and sigs.k8s.io/yaml.
package records
