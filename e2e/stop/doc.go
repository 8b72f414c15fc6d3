// Package stop ends the real server by SIGINT or SIGTERM at random moments of its start, on every
// storage. Whatever it was at, it must end at once with one line on standard output, none on
// standard error and exit code 0, must leave no half-written file, and must start again on what it
// left.
//
// The moments come from a seed, which is printed; -seed=N repeats a run.
package stop
