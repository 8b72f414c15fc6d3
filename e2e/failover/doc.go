// Package failover promotes a PostgreSQL standby, or a replica of MariaDB or MySQL, under two
// ark-servers, with a journal of what was acknowledged. With a synchronous one nothing is missing
// and clients go on. With an asynchronous one that lacks commits, no server goes on, or starts, as
// if nothing had happened.
//
//	go test ./failover -v, again -seed=N
package failover
