//go:build race

package peer

// total is how many streams are forwarded. The race detector makes each many times as slow.
const total = 2_000
