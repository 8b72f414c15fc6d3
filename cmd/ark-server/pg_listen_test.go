package main

import (
	"context"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestPGListen checks that the password of the PostgreSQL endpoint is a token of the server, and
// that the token's user determines the permissions.
func TestPGListen(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close() // the server takes the port
	s := startServing(t, "--pg-listen="+address)
	if s.admin.BearerToken == "" {
		t.Fatal("the admin has no token")
	}
	create(t, s, "/apis/ark.mckinsey.com/v1alpha1/namespaces/default/agents", `{"apiVersion":"ark.mckinsey.com/v1alpha1","kind":"Agent","metadata":{"name":"q"},"spec":{"prompt":"hi"}}`)
	connect := func(token, mode string) (*pgx.Conn, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		return pgx.Connect(ctx, "postgres://any:"+url.QueryEscape(token)+"@"+address+"/default?sslmode="+mode)
	}
	for _, mode := range []string{"disable", "require"} {
		conn, err := connect(s.admin.BearerToken, mode)
		if err != nil {
			t.Fatal(err)
		}
		var name string
		if err := conn.QueryRow(t.Context(), "select name from agents where created_at > now() - interval '1 hour' and prompt = $1", "hi").Scan(&name); err != nil || name != "q" {
			t.Errorf("sslmode=%s: got %q %v", mode, name, err)
		}
		_ = conn.Close(t.Context())
	}
	if _, err := connect("not-a-token", "disable"); err == nil {
		t.Error("who has no token is let in")
	}
}
