package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/mckinsey/ark-server/internal/sqltest"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "pgdriver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	part := flag.String("part", "", "drivers or counters; both if empty")
	length := flag.Duration("length", defaultLength, "of each run of a driver")
	rounds := flag.Int("rounds", 5, "of each case of the drivers, interleaved")
	batches := flag.Int("batches", 200_000, "that each counter is advanced by beside a held snapshot")
	flag.Parse()
	if *part != "counters" {
		if err := withServer(ctx, false, func(dsn string) error { return drivers(ctx, dsn, *length, *rounds) }); err != nil {
			return fmt.Errorf("compare drivers: %w", err)
		}
	}
	if *part != "drivers" {
		// fsync is off: it would hide the cost of a batch for the server.
		if err := withServer(ctx, true, func(dsn string) error { return counters(ctx, dsn, *batches) }); err != nil {
			return fmt.Errorf("compare counters: %w", err)
		}
	}
	return nil
}

func withServer(ctx context.Context, noFsync bool, do func(dsn string) error) error {
	s, err := sqltest.StartPostgres(ctx, sqltest.Options{Own: true, NoFsync: noFsync, Settings: []string{"max_wal_size = 4GB"}})
	if err != nil {
		return err
	}
	cfg, _, err := s.CreateDatabase(ctx)
	if err == nil {
		err = do(fmt.Sprintf("host=%s port=%d user=%s dbname=%s sslmode=disable", cfg.Host, cfg.Port, cfg.User, cfg.Name))
	}
	return errors.Join(err, s.Stop())
}
