//go:build !race

package peer

// total is how many streams are forwarded.
const total = 10_000
