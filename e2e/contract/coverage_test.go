package contract

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// gap says why a number does not run on a system.
type gap struct {
	reason string
	// later is set where it will run once something has been built; arrived finds out cheaply whether it has, and a gap that has
	// closed unnoticed is a failure. Without later, the number cannot hold there.
	later   bool
	arrived func(t *testing.T, s *server) bool
}

// gaps are all numbers that do not run, by system and number.
func gaps() map[string]map[string]gap {
	return map[string]map[string]gap{
		"sqlite": {
			"C12_garbage": {reason: "the standalone server runs no garbage collector yet", later: true, arrived: collects},
			"C17_fields":  {reason: "the kinds' own fields are not selectable yet", later: true, arrived: selectsFields},
		},
	}
}

// help is what ark-server --help prints.
func help(t *testing.T) string {
	t.Helper()
	path, err := component.ServerBinary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("ark-server --help: %v: %s", err, out)
	}
	return string(out)
}

func flagIsKnown(name string) func(*testing.T) bool {
	return func(t *testing.T) bool { return strings.Contains(help(t), "--"+name+" ") }
}

// storageIsKnown looks whether --storage takes a value.
func storageIsKnown(name string) func(*testing.T) bool {
	return func(t *testing.T) bool {
		for line := range strings.Lines(help(t)) {
			if strings.Contains(line, "--storage ") {
				return strings.Contains(line, name)
			}
		}
		t.Error("ark-server --help does not mention --storage")
		return false
	}
}
