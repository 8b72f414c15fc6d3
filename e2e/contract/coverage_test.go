package contract

import "maps"

// gap says why a number cannot hold on a system, and does not run there.
type gap struct{ reason string }

// gaps are all numbers that do not run, by system and number.
func gaps() map[string]map[string]gap {
	onSQLite := map[string]gap{
		"C31_stopped":  {reason: "SQLite runs inside the server: it cannot stop alone (a full disk is in e2e/badinput)"},
		"C32_cut":      {reason: "SQLite runs inside the server: there is no connection to cut"},
		"C34_replicas": {reason: "SQLite belongs to one process: a second server is refused (e2e/badinput)"},
	}
	onEtcd := map[string]gap{
		"C35_large":   {reason: "etcd has a limit of its own (--max-request-bytes), which the tests leave at its default"},
		"C36_restore": {reason: "backups of an etcd are etcd's own affair (etcdutl snapshot restore --bump-revision)"},
		"C41_gitops":  {reason: "e2e/gitops runs on the storage of ark-server's own, and with an etcd as CRDs"},
	}
	direct := maps.Clone(onSQLite)
	direct["C41_gitops"] = gap{reason: "e2e/gitops takes the way of the column aggregated, to the same server"}
	withoutHooks := maps.Clone(onEtcd)
	withoutHooks["C31_stopped"] = gap{reason: "etcd's client waits a minute for an etcd that does not answer; the hook factory has it fail at once"}
	withoutHooks["C40_kept"] = gap{reason: "the stock converter refuses to apply to an object with fields that it does not know; the hook install has them left out"}
	withEngine := maps.Clone(onSQLite)
	for _, name := range []string{"C03_generation", "C04_status", "C09_apply", "C17_fields", "C18_tables", "C38_quota", "C39_goclients", "C40_kept"} {
		withEngine[name] = gap{reason: "the test writes statuses, and the engine keeps them (it also deletes a query that says that it has ended, after its TTL)"}
	}
	for _, name := range []string{"C06_dryrun", "C08_noop", "C21_watch", "C22_selected", "C23_resume", "C24_bookmarks", "C25_initial", "C26_timeout", "C27_watchers", "C33_killed", "C35_large"} {
		withEngine[name] = gap{reason: "the test counts events or versions, and the engine's writes are among them"}
	}
	withEngine["C41_gitops"] = gap{reason: "e2e/gitops runs on each storage, without the engine"}
	elsewhere := gap{reason: "it brings its own trouble: shown without restarts, on PostgreSQL, and in e2e/replicas"}
	return map[string]map[string]gap{
		"sqlite":     onSQLite,
		"aggregated": onSQLite,
		"direct":     direct,
		"engine":     withEngine,
		"etcd":       onEtcd,
		"stock":      withoutHooks,
		"rolling": {
			"C23_resume":    {reason: "a replica that has just started remembers nothing from before and answers 410 to a watch from there, as a kube-apiserver does: clients list again (e2e/cluster follows watches over restarts)"},
			"C24_bookmarks": {reason: "a replica that stops ends its streams, and a stalled reader's too"},
			"C25_initial":   {reason: "initial events that a stopping replica breaks off are begun anew by clients, so that they come twice"},
			"C26_timeout":   {reason: "a replica that stops ends watches before their time"},
			"C27_watchers":  {reason: "what it costs is counted in one process"},
			"C31_stopped":   elsewhere,
			"C32_cut":       elsewhere,
			"C33_killed":    elsewhere,
			"C34_replicas":  elsewhere,
			"C35_large":     elsewhere,
			"C36_restore":   elsewhere,
			"C41_gitops":    {reason: "the engines would report what a stopping replica breaks off; they run on each database without restarts"},
			"C38_quota":     {reason: "a creation that a stopping replica breaks off stays counted until the cluster's quota controller counts again, which takes minutes"},
		},
		"crds": {
			"C42_records":  {reason: "CRDs have no records"},
			"C40_kept":     {reason: "a CRD has a schema and prunes what it does not declare, also from a status and from what is stored: a schema comes with the newer release there"},
			"C27_watchers": {reason: "a kube-apiserver closes some of a thousand watches on a small machine, for their clients to resume, and has no metric of the caches of CRDs"},
			"C26_timeout":  {reason: "a compacted watch needs the API server started again, which the control plane of the tests does not do"},
			"C31_stopped":  {reason: "kube-apiserver is not live without its etcd, and waits a minute for it"},
			"C32_cut":      {reason: "it would test etcd's client"},
			"C33_killed":   {reason: "it would test etcd, and needs a second control plane"},
			"C34_replicas": {reason: "it would test etcd, and needs a second kube-apiserver"},
			"C35_large":    {reason: "CRDs share the limit of the cluster's etcd and kube-apiserver's 3 MiB for a request"},
			"C36_restore":  {reason: "backups of an etcd are etcd's own affair (etcdutl snapshot restore --bump-revision)"},
		},
	}
}
