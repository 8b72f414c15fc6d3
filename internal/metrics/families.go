package metrics

import (
	"k8s.io/component-base/metrics"
)

// kind is the type of a metric.
type kind string

const (
	gauge     kind = "gauge"
	counter   kind = "counter"
	histogram kind = "histogram"
)

// family describes one metric. All of them are alpha: names and labels may change with a
// release, which then says so.
type family struct {
	name   string
	kind   kind
	help   string
	labels []string
	desc   *metrics.Desc // nil for histograms
}

const stability = metrics.ALPHA

// families are all metrics, by what they are about.
type families struct {
	all []*family

	build, certificate                  *family
	httpConnections, connectionsRefused *family
	peerMember, peerOthers, peerCalls   *family

	directRequests, directInFlight, directAlone *family

	engineQueries, engineWaiting, engineRunning, engineCalls *family
	engineRetries, engineTokens, engineSilent                *family
	engineQueryTime, engineFirstToken                        *family

	historyBegin, historyLag, historyVersions, historyRemoved, historyFailures, historyLinks *family
	historyRows, historyStored, historyBytes                                                 *family
	modelRevision, modelLag, modelLagTime, modelReady                                        *family
	modelRows, modelBytes, modelBuilds, modelPast                                            *family
	chatRequests, chatOpen, chatTokens, chatFirstToken, chatSpeed                            *family
	streams, streamBytes, streamEnds, streamChunks, streamDropped, streamOverrun             *family

	unknownFields, undecodable, panics *family
	memoryUsed, memoryLimit, shed      *family

	revision, newest, compacted, pruned, lagRevisions, lagSeconds    *family
	liveKeys, liveBytes                                              *family
	keys, logRows, size, sideSize, leases, queue, maintainer         *family
	batches, commitTime, batchRequests, batchRevisions               *family
	unknown, doubt, failing, looks, reloads                          *family
	pending, pruneTime, prunedRows, pruneErrors, lastPruned          *family
	requests, watchers, watchLag, events, progress                   *family
	logReads, retries, ended                                         *family
	checked, checkProgress, checkCompleted, damaged                  *family
	connections, connectionsMax, connectionsOpened, waits, waitsTime *family
}

// notOfStore are the metrics that do not need a store.
func (f *families) notOfStore() []*family {
	return []*family{f.build, f.certificate, f.httpConnections, f.connectionsRefused, f.unknownFields, f.undecodable, f.panics, f.memoryUsed, f.memoryLimit, f.shed, f.peerMember, f.peerOthers, f.peerCalls,
		f.directRequests, f.directInFlight, f.directAlone,
		f.engineQueries, f.engineWaiting, f.engineRunning, f.engineCalls, f.engineRetries, f.engineTokens, f.engineSilent, f.historyBegin, f.historyLag, f.historyVersions, f.historyRemoved, f.historyFailures, f.historyLinks, f.historyRows, f.historyStored, f.historyBytes,
		f.modelRevision, f.modelLag, f.modelLagTime, f.modelReady, f.modelRows, f.modelBytes, f.modelBuilds, f.modelPast,
		f.chatRequests, f.chatOpen, f.chatTokens, f.streams, f.streamBytes, f.streamEnds, f.streamChunks, f.streamDropped, f.streamOverrun}
}

func newFamilies() *families {
	f := &families{}
	add := func(name string, k kind, help string, labels ...string) *family {
		one := &family{name: name, kind: k, help: help, labels: labels}
		if k != histogram {
			one.desc = metrics.NewDesc(name, help, labels, nil, stability, "")
		}
		f.all = append(f.all, one)
		return one
	}
	f.build = add("ark_build_info", gauge, "Always 1; the labels say what runs.", "version", "kubernetes", "storage")
	f.certificate = add("ark_serving_certificate_expiry_timestamp_seconds", gauge, "When the certificate that is served now expires, in Unix seconds.")

	f.httpConnections = add("ark_http_connections", gauge, "Connections of clients: unproven, on which no request has named a user yet; proven; and exempt, which are those of the front proxy.", "state")
	f.connectionsRefused = add("ark_http_refused_total", counter, "Connections closed and requests refused to protect the server: total, there were --max-connections; address, there were --max-connections-per-address unproven ones; silent, no request came in time; requests, there were too many on one connection.", "reason")
	f.peerMember = add("ark_peer_member", gauge, "1 while the other replicas can call this one. Only with --peer-listen.")
	f.peerOthers = add("ark_peer_others", gauge, "Other replicas of the database that this one can call. Only with --peer-listen.")
	f.peerCalls = add("ark_peer_calls_total", counter, "Calls of other replicas that have ended, by kind, call or stream, and result: ok; refused by the other's handler; gone, the other had left or this one; canceled by whoever waited; failed, the connection did not work. Only with --peer-listen.", "kind", "result")
	f.directRequests = add("ark_direct_requests_total", counter, "Requests at the direct endpoint that are the cluster's, by outcome: the class of kube-apiserver's answer (2xx and so on), unreachable, or refused here. Only with --direct.", "outcome")
	f.directInFlight = add("ark_direct_in_flight", gauge, "Requests that are passed to kube-apiserver at the moment, by kind: request, or watch (watches, followed logs and upgrades). Only with --direct.", "kind")
	f.directAlone = add("ark_direct_cluster_silent", gauge, "1 while kube-apiserver does not answer questions about users and rights, so that what it has confirmed lately counts. Only with --direct.")
	f.historyBegin = add("ark_history_begin_revision", gauge, "The revision at which the history of objects begins, 0 before it has. Not with --history=off.")
	f.historyLag = add("ark_history_lag_revisions", gauge, "Revisions that are not in the history's tables yet; the log keeps them until they are. Not with --history=off.")
	f.historyVersions = add("ark_history_versions_total", counter, "Versions of objects that this replica has put into the history's tables. Not with --history=off.")
	f.historyRemoved = add("ark_history_removed_versions_total", counter, "Versions of objects that this replica has removed because they are not to be kept any longer. Not with --history=off.")
	f.historyFailures = add("ark_history_failures_total", counter, "Steps of the history that failed and are tried again. Not with --history=off.")
	f.historyLinks = add("ark_history_chain_links", gauge, "Links of the history's hash chain; 0 without --history-chain. It never falls. Not with --history=off.")
	f.historyRows = add("ark_history_rows", gauge, "Rows that hold versions of the kind's objects, as the last retention pass left them. Of the replica that made it, from 5 minutes after its start. Not with --history=off.", "resource")
	f.historyStored = add("ark_history_stored_versions", gauge, "Versions of the kind's objects that the history keeps, as the last retention pass left them. Of the replica that made it. Not with --history=off.", "resource")
	f.historyBytes = add("ark_history_bytes", gauge, "What the versions of the kind's objects take, keys included and without the rows that find them, as the last retention pass left them. Of the replica that made it. Not with --history=off.", "resource")
	f.modelReady = add("ark_readmodel_ready", gauge, "1 if the read model can be asked, 0 while it is built.")
	f.modelRevision = add("ark_readmodel_revision", gauge, "The revision that the read model shows.")
	f.modelLag = add("ark_readmodel_lag_revisions", gauge, "Revisions of the store that the read model does not show yet.")
	f.modelLagTime = add("ark_readmodel_lag_seconds", gauge, "How long there have been changes that the read model does not show, 0 where it shows all.")
	f.modelRows = add("ark_readmodel_rows", gauge, "Objects in the read model.")
	f.modelBytes = add("ark_readmodel_bytes", gauge, "What the files of the read model take.")
	f.modelPast = add("ark_readmodel_history_revision", gauge, "The revision up to which the read model has the history's versions, 0 without a history.")
	f.modelBuilds = add("ark_readmodel_builds_total", counter, "How often the read model was built from the store's state since the server started.")
	f.engineQueries = add("ark_engine_queries_total", counter, "Queries that the embedded engine of this replica has ended: done, error, timeout or canceled.", "outcome")
	f.engineWaiting = add("ark_engine_waiting_queries", gauge, "Queries that wait for a place at the embedded engine of this replica.")
	f.engineRunning = add("ark_engine_running_queries", gauge, "Queries that the embedded engine of this replica executes now.")
	f.engineQueryTime = add("ark_engine_query_duration_seconds", histogram, "How long Queries ran that the embedded engine has ended, without the time that they waited.")
	f.engineCalls = add("ark_engine_model_calls_total", counter, "Calls of models that have ended, by result: ok, or failed for good.", "result")
	f.engineRetries = add("ark_engine_model_retries_total", counter, "Requests to models that were made again, because the one before was refused with 408, 429 or 5xx, or got no answer.")
	f.engineFirstToken = add("ark_engine_first_token_seconds", histogram, "Time from the request until the first part of a model's answer.")
	f.engineTokens = add("ark_engine_tokens_total", counter, "Tokens that models say they have used: prompt or completion.", "kind")
	f.engineSilent = add("ark_engine_queries_without_events_total", counter, "Queries without Events, because there were too many at a time.")
	f.chatRequests = add("ark_chat_requests_total", counter, "Requests for completions of OpenAI's API that have ended, by the kind of what they ask (none if it was not found out) and outcome: answered; refused, which is the client's error; failed; left, the client went before the end.", "target", "outcome")
	f.chatOpen = add("ark_chat_open_requests", gauge, "Requests for completions that are being answered.", "target")
	f.chatTokens = add("ark_chat_tokens_total", counter, "Tokens of completions as the models have counted them: prompt or completion.", "target", "kind")
	f.chatFirstToken = add("ark_chat_first_token_seconds", histogram, "Time from a request until the first part of its answer is sent. Only of streams.", "target")
	f.chatSpeed = add("ark_chat_tokens_per_second", histogram, "Completion tokens of a stream by the time from its first part to its end. Only of streams whose tokens the model has counted.", "target")
	f.streams = add("ark_stream_streams", gauge, "Streams of Queries that the broker keeps, up to a minute after their end.")
	f.streamBytes = add("ark_stream_bytes", gauge, "Bytes of the chunks that the broker keeps; at most 64 MiB.")
	f.streamEnds = add("ark_stream_connections", gauge, "Readers and writers of streams: reader or writer.", "end")
	f.streamChunks = add("ark_stream_chunks_total", counter, "Chunks that were written to streams.")
	f.streamDropped = add("ark_stream_dropped_chunks_total", counter, "Chunks that were dropped because a stream, or all together, reached a bound.")
	f.streamOverrun = add("ark_stream_overrun_readers_total", counter, "Readers whose stream ended with an error, because chunks had been dropped that they had not read.")
	f.unknownFields = add("ark_api_unknown_fields_total", counter, "How often an object was decoded with a field that this release does not know and keeps as it is, by the path of the field; other for those beyond the first hundred. The log names each once.", "resource", "field")

	f.undecodable = add("ark_api_undecodable_objects_total", counter, "How often a stored object could not be decoded, by resource. The log names the key and what to do; the other objects are served.", "resource")
	f.panics = add("ark_api_panics_total", counter, "Requests that a panic of their handler ended with 500. The log says where it was.")

	f.memoryUsed = add("ark_memory_used_bytes", gauge, "Memory that the process holds and cannot free: what is live on the heap, stacks, and Go's own. As of the last garbage collection, at most ten seconds old.")
	f.memoryLimit = add("ark_memory_limit_bytes", gauge, "The most memory that the process lets itself have: nine tenths of the container's, or GOMEMLIMIT. 0 without a limit.")
	f.shed = add("ark_memory_shed_requests_total", counter, "Requests answered with 429 because hardly any memory was left: watches and lists without a limit from nine tenths of the limit, creations when it was full.", "verb")

	f.requests = add("ark_endpoint_requests_total", counter, "Requests of the etcd protocol that the storage has answered, by method and gRPC code. FailedPrecondition, OutOfRange and InvalidArgument are the caller's, such as a read of a compacted revision; Unavailable, DeadlineExceeded and ResourceExhausted the storage's.", "method", "code")

	f.revision = add("ark_store_revision", gauge, "Newest revision that this replica shows.")
	f.newest = add("ark_store_newest_revision", gauge, "Newest revision that any replica is known to have committed.")
	f.lagRevisions = add("ark_store_lag_revisions", gauge, "Revisions that are committed and not yet shown by this replica.")
	f.lagSeconds = add("ark_store_lag_seconds", gauge, "Time since this replica last knew that it showed everything: a bound on how old an answer of its caches may be. About a second on an idle database; grows while the database does not answer. Always 0 with sqlite.")
	f.compacted = add("ark_store_compacted_revision", gauge, "Revisions below this one cannot be read any more.")
	f.pruned = add("ark_store_pruned_revision", gauge, "Revision up to which rows without use have been deleted.")
	f.keys = add("ark_store_keys", gauge, "Live keys, which is the number of rows in the state table.")
	f.liveKeys = add("ark_store_live_objects", gauge, "Live objects by resource: Ark's, and other for the rest. They are all in memory.", "resource")
	f.liveBytes = add("ark_store_live_bytes", gauge, "Bytes of the keys and values of live objects, by resource as above. An object takes that and about 2 KiB of memory.", "resource")
	f.logRows = add("ark_store_log_rows", gauge, "Upper estimate of the rows in the log: the live keys, and the revisions that have not been pruned. Nothing is counted for it.")
	f.size = add("ark_store_database_bytes", gauge, "Size of the database on disk, at most half a minute old. Missing while it cannot be measured.")
	f.sideSize = add("ark_store_side_bytes", gauge, "About how much of the database are rows of side tables (messages and the like), at most half a minute old. Missing while it cannot be measured.")
	f.leases = add("ark_store_leases", gauge, "Leases that have not expired.")
	f.queue = add("ark_store_queue_length", gauge, "Writes that wait for the next batch.")
	f.maintainer = add("ark_store_maintainer", gauge, "1 on the replica that expires leases and deletes old rows, which one at most does.")

	f.batches = add("ark_store_batches_total", counter, "Batches by what became of them: committed; moved, which is another replica was first and the batch was decided again; unknown, which is looked up before anything else is written; no_space; failed, with nothing written.", "result")
	f.commitTime = add("ark_store_commit_duration_seconds", histogram, "How long the database took to append a batch to the log and commit it, of the batches that were committed.")
	f.batchRequests = add("ark_store_batch_requests", histogram, "Writes that shared a committed batch.")
	f.batchRevisions = add("ark_store_batch_revisions", histogram, "Revisions in a committed batch.")
	f.unknown = add("ark_store_unknown_commits_total", counter, "Commits whose outcome was unknown and has been looked up: landed or lost.", "outcome")
	f.doubt = add("ark_store_commit_in_doubt", gauge, "1 while there is a commit with an unknown outcome, and so nothing can be written.")
	f.failing = add("ark_store_failing", gauge, "1 from a failure of the database until the next success: write, which is committing, side_write, which is committing rows of side tables, or read, which is reading the counter of a shared database. The log and /debug/store name the cause.", "operation")
	f.looks = add("ark_store_looks_total", counter, "Looks at the counter of a shared database: ok or failed.", "result")
	f.reloads = add("ark_store_reloads_total", counter, "How often this replica had been away for so long that it had to load the whole state again.")

	f.pending = add("ark_compaction_pending_revisions", gauge, "Revisions that are compacted and whose rows have still to be deleted.")
	f.pruneTime = add("ark_compaction_step_duration_seconds", histogram, "How long a step of deleting rows took. Writers wait for it with sqlite.")
	f.prunedRows = add("ark_compaction_rows_deleted_total", counter, "Rows that compaction has deleted from the log.")
	f.pruneErrors = add("ark_compaction_errors_total", counter, "Steps that failed; they are tried again.")
	f.lastPruned = add("ark_compaction_last_success_timestamp_seconds", gauge, "When a step last succeeded, in Unix seconds; 0 if none has since the start.")

	f.checked = add("ark_store_check_rows_total", counter, "Rows that the check in the background has compared with their checksums. Only with sqlite.")
	f.checkProgress = add("ark_store_check_progress_ratio", gauge, "How far the check in the background has come with all rows, from 0 to 1; a pass begins every day. Only with sqlite.")
	f.checkCompleted = add("ark_store_check_last_complete_timestamp_seconds", gauge, "When such a pass last ended, in Unix seconds; 0 if none has since the start. Only with sqlite.")
	f.damaged = add("ark_store_damaged_rows", gauge, "Rows met since the start, by reads and by the check, that are not what was written: the log names them, and ark-server check. Only with sqlite.")

	f.watchers = add("ark_watch_watchers", gauge, "Watches that the storage serves; the API server has one for each resource, whatever the number of clients.")
	f.watchLag = add("ark_watch_lag_revisions", gauge, "How many revisions the watch is behind that is furthest behind.")
	f.events = add("ark_watch_events_sent_total", counter, "Events sent to watches.")
	f.progress = add("ark_watch_progress_sent_total", counter, "Progress notifications sent to watches.")
	f.logReads = add("ark_watch_log_reads_total", counter, "Reads of the log for watches that are so far behind that memory no longer holds what comes next.")
	f.retries = add("ark_watch_retries_total", counter, "Reads for watches that failed because the storage did not answer; they are tried again.")
	f.ended = add("ark_watch_compacted_total", counter, "Watches that ended because what came next for them had been compacted. The API server then lists again.")

	f.connections = add("ark_db_connections", gauge, "Connections to the database: in_use or idle.", "pool", "state")
	f.connectionsMax = add("ark_db_connections_max", gauge, "Most connections that the pool may open.", "pool")
	f.connectionsOpened = add("ark_db_connections_opened_total", counter, "Connections opened. Those beyond the pool's size replace others, after failures or at the end of their life. Not known with sqlite.", "pool")
	f.waits = add("ark_db_connection_waits_total", counter, "How often a connection had to be waited for.", "pool")
	f.waitsTime = add("ark_db_connection_wait_seconds_total", counter, "Time spent waiting for a connection.", "pool")
	return f
}
