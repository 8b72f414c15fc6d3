// Command conformance runs the storage tests of k8s.io/apiserver on our
// endpoint. They are copied out of the module cache as they are; only the file
// with the two functions that start an etcd is replaced, by test_server.go.txt.
//
// Run it from the e2e module:
//
//	go run ./conformance                        # etcd3's suite, both transports
//	go run ./conformance -transport grpc -run TestWatch -v
//	go run ./conformance -packages etcd3,cacher,storagebackend/factory
//	go run ./conformance -storage postgresql
//	go run ./conformance -race
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

const root = "k8s.io/apiserver/pkg/storage/"

type options struct {
	transports, packages []string
	storage              string
	run, skip, timeout   string
	dir                  string
	race, verbose        bool
	count, parallel      int
}

func main() {
	var o options
	transport := flag.String("transport", "direct,grpc", "how the tests reach the endpoint: direct, grpc or both")
	packages := flag.String("packages", "etcd3", "packages below "+root+" to run, separated by commas")
	flag.StringVar(&o.storage, "storage", engine.SQLite, "what the endpoint runs on: sqlite, postgresql or mysql")
	flag.StringVar(&o.run, "run", "", "run only the tests that match this, as for go test")
	flag.StringVar(&o.skip, "skip", "", "leave out the tests that match this, as for go test")
	flag.StringVar(&o.timeout, "timeout", "15m", "for one package")
	flag.StringVar(&o.dir, "dir", "../.cache/conformance", "where to put the copied sources and the test binaries")
	flag.BoolVar(&o.race, "race", false, "with the race detector (needs cgo)")
	flag.BoolVar(&o.verbose, "v", false, "print everything that the tests print")
	flag.IntVar(&o.count, "count", 1, "how often to run each test")
	// One slot would be enough, but a test in cacher waits for the whole lifetime of an object in one
	// of its parallel parts.
	flag.IntVar(&o.parallel, "parallel", 4, "tests at a time")
	flag.Parse()
	o.transports = strings.Split(*transport, ",")
	o.packages = strings.Split(*packages, ",")

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	stopServer, err := startServer(ctx, o.storage)
	if err == nil {
		err = errors.Join(runAll(ctx, o), stopServer())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// startServer starts the database server that the processes of the suites use, if the storage is a
// database server.
func startServer(ctx context.Context, storage string) (stop func() error, err error) {
	switch storage {
	case engine.SQLite:
		return func() error { return nil }, nil
	case engine.PostgreSQL:
		s, err := sqltest.StartPostgres(ctx, sqltest.Options{})
		if err != nil {
			return nil, err
		}
		return s.Stop, os.Setenv(sqltest.PostgresDSN, s.DSN())
	case engine.MySQL:
		s, err := sqltest.StartMySQL(ctx, sqltest.Options{})
		if err != nil {
			return nil, err
		}
		return s.Stop, os.Setenv(sqltest.MySQLDSN, s.DSN())
	}
	return nil, fmt.Errorf("-storage=%s: use sqlite, postgresql or mysql", storage)
}

func runAll(ctx context.Context, o options) error {
	// The folder is always the same: the go command's cache depends on it.
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	m, err := prepare(ctx, dir)
	if err != nil {
		return err
	}
	var failed []string
	for _, pkg := range o.packages {
		binary := filepath.Join(dir, strings.ReplaceAll(pkg, "/", "-")+".test")
		if err := m.compile(ctx, o, root+pkg, binary); err != nil {
			return fmt.Errorf("compile %s: %w", pkg, err)
		}
		for _, transport := range o.transports {
			began := time.Now()
			n, err := runSuite(ctx, o, binary, filepath.Join(m.source, "pkg/storage", pkg), transport)
			fmt.Printf("%s over %s: %d checks passed, %d failed, %d skipped, in %.0f s\n",
				pkg, transport+" on "+o.storage, n.passed, n.failed, n.skipped, time.Since(began).Seconds())
			if err != nil || n.failed > 0 || n.passed == 0 {
				failed = append(failed, pkg+" over "+transport)
			}
		}
	}
	if failed != nil {
		return errors.New("failed: " + strings.Join(failed, ", "))
	}
	return nil
}
