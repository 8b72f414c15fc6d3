// Package stop ends the real server with SIGINT or SIGTERM at random moments of its start, on every
// storage. At each moment it must end at once with one line on standard output, none on standard
// error and exit code 0. It must leave no partially written file, and must start again on the files
// that it left.
//
// A seed, which is printed, determines the moments; -seed=N repeats a run.
package stop
