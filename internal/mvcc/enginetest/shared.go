package enginetest

import (
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// RunShared tests an mvcc.Shared. open opens two on one new, empty database; the
// suite closes them.
func RunShared(t *testing.T, open func(*testing.T) (a, b mvcc.Shared)) {
	for name, test := range map[string]func(*testing.T, *pair){
		"Moved":               testMoved,
		"MovedByChange":       testMovedByChange,
		"KeyLives":            testKeyLives,
		"Find":                testFind,
		"BaseBatch":           testBaseBatch,
		"InTurn":              testInTurn,
		"InTurnDecides":       testInTurnDecides,
		"InTurnExcludes":      testInTurnExcludes,
		"OppositeOrders":      testOppositeOrders,
		"ReadWaitsForNobody":  testReadWaitsForNobody,
		"ReadIsLinearizable":  testReadIsLinearizable,
		"Settle":              testSettle,
		"SettleFences":        testSettleFences,
		"LeaseChanges":        testLeaseChanges,
		"Await":               testAwait,
		"Maintain":            testMaintain,
		"LoadIsOneSnapshot":   testLoadIsOneSnapshot,
		"EventsAreWhole":      testEventsAreWhole,
		"PruneBesidesWriters": testPruneBesidesWriters,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pair{}
			p.a, p.b = open(t)
			t.Cleanup(func() {
				for _, e := range []mvcc.Shared{p.a, p.b} {
					if e == nil {
						continue
					}
					if err := e.Close(); err != nil {
						t.Errorf("close: %v", err)
					}
				}
			})
			test(t, p)
		})
	}
}

// pair is two replicas' engines. One that a test has closed is nil.
type pair struct{ a, b mvcc.Shared }

func read(t *testing.T, e mvcc.Shared) mvcc.Reading {
	t.Helper()
	r, err := e.Read(t.Context())
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return r
}
