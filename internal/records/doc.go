// Package records serves the API group records.ark.mckinsey.com, and the subresources and
// parameters that the history adds to Ark's own kinds.
//
//   - group.go: the group, and where it is installed
//   - kinds.go, names.go, rights.go: Ark's kinds, the names of versions, and who may see a version
//   - revisions.go, list.go, revision.go, table.go: the kind Revision
//   - follow.go: revisions as they come
//   - subresource.go, diff.go, jsonpatch.go, unified.go, blame.go, rollback.go: what Ark's kinds
//     have below an object
//   - past.go: lists and gets as of a time
//   - deleted.go: the kind DeletedObject, and its return
//   - retention.go, retention_storage.go, maintain.go: retention policies, carrying them out, and
//     purges
//   - verify.go: comparing the history with its hash chain
//   - send.go: writes on behalf of the sender of a request
//   - reports.go, reports_storage.go: the kind Report, and the reports that are ready
//   - questions.go: the kinds that internal/reporting answers
//   - off.go: what is answered without a history
//
// Invariants:
//
//   - A version is shown to users who may list revisions in its namespace and list the kind of its
//     object there, beside what the request itself needs. What is hidden is not counted, no token
//     names it, and a version that is hidden and one that is not there get the same answer.
//   - Secrets are hidden in objects for users who may not get the object itself.
//   - Revisions and deleted objects offer neither watch, delete nor deletecollection: controllers
//     that follow every kind pass them by.
//
// The package may import internal/access, internal/apis/ark, internal/apis/ark/install,
// internal/apis/records, internal/apis/records/openapi, internal/apis/records/v1alpha1,
// internal/apiserver/assembly, internal/apiserver/filters, internal/apiserver/storage,
// internal/history, internal/inprocess, internal/redact, internal/registry,
// github.com/emicklei/go-restful/v3, k8s.io/apimachinery, k8s.io/apiserver and sigs.k8s.io/yaml.
package records
