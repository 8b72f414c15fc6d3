package crash

import (
	"fmt"
	"os"
	"testing"
)

// childEnv names the database that a child of this test binary is to write to.
const childEnv = "ARK_CRASH_TEST_DATABASE"

// TestMain makes the test binary play the child when it was started as one.
func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		if err := child(path); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}
