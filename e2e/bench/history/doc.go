// Command history measures the history of objects on an SQLite database: the latency of its queries
// among many versions, the cost of a retention pass for writers, the duration of a start, and the
// disk space of a version.
//
//	go run ./bench/history -revisions=1000000 -objects=50000 [-chain]
package main
