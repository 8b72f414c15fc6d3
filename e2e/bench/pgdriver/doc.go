// Pgdriver measures what the PostgreSQL engine was built on: which driver to use, and
// how replicas take turns.
//
//	go run ./bench/pgdriver                    both
//	go run ./bench/pgdriver -part=drivers
//	go run ./bench/pgdriver -part=counters
//
// It starts a server of its own (see internal/sqltest). Drivers are compared on one batch
// of the engine's kind, with fsync on, on the same server in turn. Counters are
// compared twice: by themselves, and while another session holds a snapshot open, as
// pg_dump or a forgotten transaction does.
package main
