package contract

import "testing"

// number is one promise and its test.
type number struct {
	// name is that of the test, such as C07_preconditions; promise is what it shows, for the docs.
	name, promise string
	// each runs for every kind in a place of its own; once runs for all kinds together. A number may have both.
	each func(t *testing.T, p place)
	once func(t *testing.T, s *server)
	// alone is set for tests that compact the storage or stop a process: they run one at a time, after all others.
	alone bool
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
	}
}
