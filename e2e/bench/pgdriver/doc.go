// Pgdriver measures the design decisions of the PostgreSQL engine: which driver to use, and how
// replicas take turns.
//
//	go run ./bench/pgdriver                    both
//	go run ./bench/pgdriver -part=drivers
//	go run ./bench/pgdriver -part=counters
//
// It starts a separate server (see internal/sqltest). Drivers are compared on one batch of the
// engine's kind, with fsync on, on the same server in turn. Counters are compared twice: without
// other sessions, and while another session holds a snapshot open, as pg_dump or a forgotten
// transaction does.
package main
