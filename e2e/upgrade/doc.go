// Package upgrade replaces the previous release by this one and goes back, while writers keep a
// journal of acknowledged writes: replica by replica on database servers, by a restart on SQLite.
//
//	go test ./upgrade -v
package upgrade
