// Package replicas attacks what several replicas on one database promise together. Processes with a
// store and its etcd endpoint each are written to by many clients at once, on keys that all of them
// share, and watched and read by others, while replicas are killed and paused, their connections
// cut, and the database stopped under them. What was acknowledged, watched and read is then held
// against one history:
//
//   - each watcher, on whatever replica, saw every revision once, in order, with the version it
//     replaces;
//   - a write acknowledged is in the history where its answer said, a write refused is not, and
//     none is there twice;
//   - a read never showed less than what had been acknowledged or read anywhere before it began,
//     and exactly the state of the revision that it named;
//   - revisions are dense.
//
// A run prints its seed; -seed repeats its choices. -writes asks for a longer run:
//
//	go test ./replicas -run 'TestReplicas/postgresql' -writes=1000000 -timeout=60m -v
package replicas
