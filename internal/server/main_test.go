package server

import (
	"os"
	"testing"

	"github.com/mckinsey/ark-server/internal/sqltest"
)

var (
	postgresServer sqltest.Postgres
	mariadbServer  sqltest.MySQL
)

func TestMain(m *testing.M) {
	code := m.Run()
	postgresServer.Stop()
	mariadbServer.Stop()
	os.Exit(code)
}
