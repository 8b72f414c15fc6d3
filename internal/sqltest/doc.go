// Package sqltest starts throwaway database servers for tests and benchmarks:
// real ones, from the system's own packages, on a free loopback port with their
// files in a temporary folder.
//
// A test binary shares one server and gives each test a fresh database:
//
//	var server sqltest.Postgres
//
//	func TestMain(m *testing.M) {
//		code := m.Run()
//		server.Stop()
//		os.Exit(code)
//	}
//
//	func TestSomething(t *testing.T) { cfg := server.Database(t) ... }
//
// A test that kills its server starts one of its own. Where the programs are
// missing, tests fail and say which package holds them; none is skipped unless the
// caller asked for that (LeaveOut), who is then told which they were.
//
// Servers keep their promise to be on disk (fsync) unless told otherwise, and
// die with the process that started them.
//
// The package is for tests only.
//
// The package may import internal/database, github.com/go-sql-driver/mysql and
// github.com/jackc/pgx/v5.
package sqltest
