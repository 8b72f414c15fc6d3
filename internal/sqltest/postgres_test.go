package sqltest

import (
	"errors"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestPostgres: what was committed survives a crash, on the same port; nothing
// is left in the end.
func TestPostgres(t *testing.T) {
	s, err := StartPostgres(t.Context(), Options{Own: true})
	if err != nil {
		end(t, err)
	}
	defer s.Stop()
	cfg, drop, err := s.CreateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	connect := func() *pgx.Conn {
		c, err := pgx.Connect(t.Context(), "sslmode=disable user=postgres host=127.0.0.1 port="+s.Address()[len("127.0.0.1:"):]+" dbname="+cfg.Name)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := connect()
	if _, err := c.Exec(t.Context(), "CREATE TABLE t AS SELECT 42 AS answer"); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if err := c.Ping(t.Context()); err == nil {
		t.Fatal("the connection outlived the server")
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	c = connect()
	var answer int
	if err := c.QueryRow(t.Context(), "SELECT answer FROM t").Scan(&answer); err != nil || answer != 42 {
		t.Fatal(answer, err)
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

func TestWithDatabase(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres://u:p@h:5/old?sslmode=require": "postgres://u:p@h:5/new?sslmode=require",
		"host=h dbname=old":                      "host=h dbname=old dbname=new",
	} {
		if got, err := withDatabase(dsn, "new"); err != nil || got != want {
			t.Errorf("%s: got %s, %v", dsn, got, err)
		}
	}
}
