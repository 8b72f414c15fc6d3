// Package failover promotes a PostgreSQL standby under two ark-servers whose settings name both hosts, with a journal of what was
// acknowledged. With a synchronous standby nothing is missing and clients go on. With an asynchronous one that lacks commits, no
// server goes on as if nothing had happened.
//
//	go test ./failover -v, again -seed=N
package failover
