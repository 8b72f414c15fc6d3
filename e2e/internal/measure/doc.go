// Package measure times operations under a number of concurrent clients and prints comparisons.
//
// A Sample is the result of one run of one case on one system. The caller interleaves the runs of
// the compared systems. A Series holds the rounds of one case on one system. The output has the
// median over the rounds of each figure, so that one disturbed round has no effect. Times are
// wall-clock times on a machine shared with the measured systems: only ratios within one run are
// meaningful.
package measure
