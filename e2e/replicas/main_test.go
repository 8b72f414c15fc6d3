package replicas

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "repeats the choices of the run that printed it; 0 takes a new one")
	limitsFlag = flag.Int("limits", 0, "writes at the pace of each time limit of the server by itself; 0 is a short run with all of them at once")
	writesFlag = flag.Int64("writes", 0, "acknowledged writes of each run; 0 is a short run")
)

// TestMain makes the test binary play a replica when it was started as one.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, "replica:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}
