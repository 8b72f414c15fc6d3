package contract

import "testing"

// number is one promise and its test.
type number struct {
	// name is that of the test, such as C07_preconditions; promise is what it shows, for the docs.
	name, promise string
	// each runs for every kind in a place of its own; once runs for all kinds together. A number may
	// have both.
	each func(t *testing.T, p place)
	once func(t *testing.T, s *server)
	// aged prepares something and returns what must hold of it once the storage has been compacted
	// past it.
	aged func(t *testing.T, s *server) (check func(t *testing.T))
	// alone needs the server, or the machine, to itself: these run one at a time, after all others.
	alone func(t *testing.T, s *server)
	// suite holds the number in place of all these, on those systems of the same names that it has.
	suite *suite
}

// suite is a module of its own below e2e.
type suite struct {
	dir   string
	tests []string
	// systems is the file in which it names them.
	systems string
}

func numbers() []number {
	return []number{
		{name: "C01_verbs", promise: "create, get, list, update, patch (JSON, merge, apply; strategic merge is refused with 415), delete, deletecollection with selectors", each: verbs},
		{name: "C02_metadata", promise: "generateName, AlreadyExists; the client's uid, times, generation, resourceVersion, managedFields and selfLink count for nothing", each: metadata},
		{name: "C03_generation", promise: "metadata.generation is 1 on create and moves with the spec only", each: generation},
		{name: "C04_status", promise: "/status changes the status only; nothing else changes it", each: status},
		{name: "C05_deletion", promise: "a deletionTimestamp in a body deletes nothing; finalizers hold an object, and the last one's removal removes it in one step", each: deletion},
		{name: "C06_dryrun", promise: "dryRun=All answers as the real call would and changes nothing", each: dryRun},
		{name: "C07_preconditions", promise: "uid and resourceVersion are honoured on delete, update and patch; a stale resourceVersion is 409", each: preconditions},
		{name: "C08_noop", promise: "a write that changes nothing keeps the resourceVersion and wakes no watcher", each: noop, once: noopLater},
		{name: "C09_apply", promise: "server-side apply: no conflict with oneself, 409 with others, reset fields for status and main", each: apply},
		{name: "C10_unknown", promise: "unknown fields: 400 (422 in the result of a patch), a Warning header or nothing, as fieldValidation asks; kubectl asks for strict", each: unknownField, once: kubectlIsStrict},
		{name: "C11_defaults", promise: "defaults on create and on read of older objects; failures of validation are 422 with field paths", each: defaults},
		{name: "C12_garbage", promise: "owner references: background, foreground, orphan, across groups", each: garbage},
		{name: "C13_namespaces", promise: "create in a missing namespace is 404, in a terminating one 403; a namespace's end removes all kinds in it", once: namespaces},
		{name: "C14_lists", promise: "lists are ordered; limit and continue give every object once while others are written; expired tokens are 410 with one that goes on; remainingItemCount", each: lists, once: listsAcrossNamespaces, aged: listsExpire},
		{name: "C15_versions", promise: "resourceVersion unset, 0, Exact and NotOlderThan; too new is a timeout that says so, compacted is 410", each: versions, once: versionsTooNew, aged: versionsExpire},
		{name: "C16_labels", promise: "label selectors with every operator; invalid ones are 400", each: labelSelectors},
		{name: "C17_fields", promise: "field selectors on name, namespace and the fields of each kind; unknown ones are 400", each: fieldSelectors},
		{name: "C18_tables", promise: "tables with the columns of the CRDs, also in a watch; PartialObjectMetadata as JSON and protobuf", each: tables},
		{name: "C19_discovery", promise: "discovery, aggregated and legacy; OpenAPI v2 and v3 of every kind; kubectl explain at every depth", once: discovery, each: explained},
		{name: "C20_accept", promise: "a client that prefers protobuf gets JSON", each: acceptsJSON},
		{name: "C21_watch", promise: "a list and a watch see every change once, in order, with the right types; DELETED has the last state and a newer resourceVersion", each: watches},
		{name: "C22_selected", promise: "an object that leaves the selector is DELETED for that watcher, one that enters ADDED", each: selectedWatches},
		{name: "C23_resume", promise: "a resumed watch repeats nothing and misses nothing; resourceVersions never go back", each: resume},
		{name: "C24_bookmarks", promise: "bookmarks never overtake events, even with a stalled reader", once: bookmarks},
		{name: "C25_initial", promise: "a watch may begin with the present objects; sendInitialEvents ends with the annotated bookmark, also on an empty store and for a slow reader", each: initialEvents, once: initialEventsSlowly},
		{name: "C26_timeout", promise: "timeoutSeconds ends a watch in order; a compacted resourceVersion is 410", once: timeouts, alone: watchesExpire},
		{name: "C27_watchers", promise: "a thousand watchers cost one read of each change; a stalled one does not delay others", alone: manyWatchers},
		{name: "C28_rbac", promise: "RBAC per verb, resource, subresource and name, through kubectl, impersonation and service-account tokens; anonymous gets health and version only", once: rbac},
		{name: "C29_admission", promise: "webhooks and admission policies act on Ark kinds, also on status; warnings reach the client", each: admission},
		{name: "C30_audit", promise: "audit events carry user, verb, object, response code and the caller's Audit-ID", each: audited},
		{name: "C31_stopped", promise: "database stopped: 5xx within seconds, never 404, never a short list; readyz red, livez green; back by itself", alone: databaseStopped},
		{name: "C32_cut", promise: "connections cut in the middle of lists, watches and commits: an error or a retry, no wrong answer", alone: connectionsCut},
		{name: "C33_killed", promise: "kill -9 under 32 writers: everything acknowledged is there, and surviving informers converge", alone: serverKilled},
		{name: "C34_replicas", promise: "two replicas on one database: C21 to C26 hold across them; a write is seen by the other's watchers within 100 ms (median) and by a consistent read at once", alone: replicas},
		{name: "C35_sizes", promise: "1 MiB works, beyond the limit is 413; NUL and any valid UTF-8 survive in any string", each: sizes},
		{name: "C35_large", promise: "with `--max-object-size=16Mi` an object of 16 MiB is written, read, listed, watched and patched; after the limit has been lowered it is read, made smaller and deleted, and does not grow", alone: largeObjects},
		{name: "C36_restore", promise: "restoring an older backup never moves resourceVersions back", alone: restored},
		{name: "C37_malformed", promise: "a malformed request gets 400, 415 or 422 with a Status, never 500, never a crash", each: malformed, once: fuzzed},
		{name: "C38_quota", promise: "a ResourceQuota of object counts is enforced: many creators never exceed it, a dry run uses nothing, what is deleted is free again", each: quota},
		{name: "C39_goclients", promise: "an object that a client with Go types reads and writes back keeps resourceVersion, generation and managed fields, whatever spelling of a duration was applied", each: goClients},
		{name: "C40_kept", promise: "unknown fields of status writes and of stored objects survive every write, unowned; elsewhere they are refused or pruned as in C10", each: keptFields, once: keptWhereStored},
		{name: "C41_gitops", promise: "a second sync by the engines of Argo CD and Flux writes nothing, for every kind; health is right, pruning and self-healing work", suite: &suite{dir: "gitops", tests: []string{"TestArgo", "TestFlux"}, systems: "systems_test.go"}},
		{name: "C42_records", promise: "revisions, searches and the like have no watch, delete or deletecollection; a quota counts nothing of them, and a namespace ends with them", once: unmanaged},
	}
}
