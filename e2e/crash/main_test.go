package crash

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
)

// servers hold the databases of the tests that need one.
var servers engine.Shared

// childEnv names the database that a child of this test binary is to write to, as JSON.
const childEnv = "ARK_CRASH_TEST_DATABASE"

// TestMain makes the test binary play the child when it was started as one.
func TestMain(m *testing.M) {
	if told := os.Getenv(childEnv); told != "" {
		var place engine.Place
		err := json.Unmarshal([]byte(told), &place)
		if err == nil {
			err = child(place)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}
