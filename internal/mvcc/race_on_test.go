//go:build race

package mvcc_test

// underRace: the race detector makes everything several times as slow, and the scheduler random.
const underRace = true
