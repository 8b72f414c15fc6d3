//go:build !race

package mvcc_test

const underRace = false
