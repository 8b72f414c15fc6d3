// Package pauses measures how long writers at the other replicas get no answer when one of three
// replicas is frozen, when it is cut off from the database, or when the database is restarted. It
// prints a row for docs/operations/high-availability.md.
//
//	go test ./pauses -v, another release -binary=/path/to/ark-server
package pauses
