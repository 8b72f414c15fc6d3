// Package failover promotes a PostgreSQL standby, or a replica of MariaDB or MySQL, under two
// ark-servers, with a journal of acknowledged writes. With synchronous replication no write is
// missing and clients continue. With asynchronous replication that lacks commits, every server
// stops with an error or refuses to start.
//
//	go test ./failover -v, again -seed=N
package failover
