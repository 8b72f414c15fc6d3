// Package measure times operations under a number of concurrent clients and prints comparisons.
//
// A Sample is what one run of one case on one system gave. Runs of the systems compared are
// interleaved by the caller and a Series holds the rounds of one case on one system; what is
// printed is the median over the rounds of each figure, so one disturbed round does not decide.
// Times are wall-clock times on a machine shared with the systems measured: they are good as ratios
// within one run.
package measure
