package container

import (
	"strconv"
	"strings"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// TestStorages keeps the data in a database server, named by flags or by the environment; the keys
// stay in the volume.
func TestStorages(t *testing.T) {
	i := native(t)
	var postgres sqltest.Postgres
	var mariadb sqltest.MySQL
	t.Cleanup(func() { postgres.Stop(); mariadb.Stop() })
	for name, c := range map[string]struct {
		storage string
		config  database.Config
	}{
		"PostgreSQL": {"postgresql", postgres.Database(t)},
		"MariaDB":    {"mysql", mariadb.Database(t)},
	} {
		for _, how := range []string{"by flags", "by the environment"} {
			t.Run(name+" "+how, func(t *testing.T) {
				port, err := component.FreePort()
				if err != nil {
					t.Fatal(err)
				}
				values := map[string]string{"storage": c.storage, "secure-port": strconv.Itoa(port)}
				o := options{image: i, hostNetwork: true, readOnly: true, mounts: []mount{{Source: newVolume(t, 0, 0o755), Target: "data"}}}
				if c.config.DSNFile != "" {
					t.Fatalf("the test is for a server that is reached by host and port, not by %s", c.config.DSNFile)
				}
				values["db-host"], values["db-port"] = c.config.Host, strconv.Itoa(c.config.Port)
				values["db-name"], values["db-user"] = c.config.Name, c.config.User
				if c.config.Password != "" {
					o.env = append(o.env, "ARK_DB_PASSWORD="+string(c.config.Password))
				}
				for flag, value := range values {
					if how == "by flags" {
						o.args = append(o.args, "--"+flag+"="+value)
					} else {
						o.env = append(o.env, "ARK_"+strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))+"="+value)
					}
				}
				for range 2 {
					s := start(t, o)
					s.ready(t)
					s.healthy(t)
					s.isUnprivileged(t, 65532)
					apply(t, s.kubeconfig(t, port))
					s.stop(t)
				}
				allOwnedBy(t, o.mounts[0].Source, 65532, o.user)
			})
		}
	}
}
