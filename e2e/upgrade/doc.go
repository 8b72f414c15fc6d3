// Package upgrade replaces the release before by this one and goes back, under writers that keep a
// journal of what was acknowledged: replica by replica on database servers, by a restart on SQLite.
//
//	go test ./upgrade -v
package upgrade
