package sqltest

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestMySQL: what was committed survives a crash, on the same port; nothing is
// left in the end.
func TestMySQL(t *testing.T) {
	s, err := StartMySQL(t.Context(), Options{Own: true})
	if err != nil {
		end(t, err)
	}
	defer s.Stop()
	cfg, drop, err := s.CreateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Exec(t.Context(), "CREATE TABLE "+cfg.Name+".t AS SELECT 42 AS answer"); err != nil {
		t.Fatal(err)
	}
	address := s.Address()
	s.Kill()
	if err := s.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Fatal("the server outlived its end")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Address() != address {
		t.Errorf("it came back at %s, not at %s", s.Address(), address)
	}
	if err := s.Exec(t.Context(), "ALTER TABLE "+cfg.Name+".t ADD CHECK (answer = 42)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Exec(t.Context(), "NO SUCH STATEMENT"); err == nil || !strings.Contains(err.Error(), "NO SUCH") {
		t.Errorf("got %v", err)
	}
	if err := drop(); err != nil {
		t.Fatal(err)
	}
	dir, process := s.dir, s.process
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	<-process.done
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%s is still there: %v", dir, err)
	}
}
