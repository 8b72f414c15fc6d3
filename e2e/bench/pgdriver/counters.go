package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mckinsey/ark-server/e2e/internal/measure"
)

// counter is a way to serialise writers: the first statement takes the counter, the second writes
// one row.
type counter struct {
	name, setup, take, write string
}

const insertRow = ` INSERT INTO log SELECT $1::bigint, $2::bytea `

var countersCompared = []counter{
	{
		name:  "row updated with each batch",
		setup: "CREATE TABLE counter (one int PRIMARY KEY, revision bigint NOT NULL); INSERT INTO counter VALUES (1, 0)",
		take:  "UPDATE counter SET revision = revision + 1 WHERE one = 1 RETURNING revision",
		write: insertRow,
	}, {
		name:  "row locked, revision from the log",
		setup: "CREATE TABLE counter (one int PRIMARY KEY); INSERT INTO counter VALUES (1)",
		take:  "SELECT one FROM counter WHERE one = 1 FOR UPDATE",
		write: insertRow + "WHERE $1 > (SELECT coalesce(max(id), 0) FROM log)",
	}, {
		name:  "advisory lock, revision from the log",
		setup: "SELECT",
		take:  "SELECT pg_advisory_xact_lock(4711)",
		write: insertRow + "WHERE $1 > (SELECT coalesce(max(id), 0) FROM log)",
	},
}

// counters prints how long a batch takes at the beginning and at the end, first without other
// sessions and then with a snapshot held.
func counters(ctx context.Context, dsn string, batches int) error {
	fmt.Printf("\nTaking turns, one row a batch, fsync off; median µs a batch over %d batches\n", batches)
	table := measure.NewTable(os.Stdout, "counter", "foreign snapshot", "first tenth", "last tenth", "slower")
	for _, held := range []bool{false, true} {
		for _, c := range countersCompared {
			n := batches
			if !held {
				n = batches / 4
			}
			first, last, err := c.measure(ctx, dsn, n, held)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			who := "none"
			if held {
				who = "held open"
			}
			table.Row(c.name, who, fmt.Sprint(first.Microseconds()), fmt.Sprint(last.Microseconds()), measure.Ratio(float64(last), float64(first)))
		}
	}
	return table.Flush()
}

func (c counter) measure(ctx context.Context, dsn string, batches int, held bool) (first, last time.Duration, err error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "DROP TABLE IF EXISTS log, counter; CREATE TABLE log (id bigint PRIMARY KEY, value bytea); "+c.setup); err != nil {
		return 0, 0, err
	}
	if held {
		other, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return 0, 0, err
		}
		defer other.Close(ctx)
		if _, err := other.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class"); err != nil {
			return 0, 0, err
		}
	}
	value := make([]byte, 100)
	took := make([]time.Duration, batches)
	for i := 1; i <= batches; i++ {
		begin := time.Now()
		send := &pgx.Batch{}
		send.Queue(c.take)
		send.Queue(c.write, int64(i), value)
		if err := conn.SendBatch(ctx, send).Close(); err != nil {
			return 0, 0, err
		}
		took[i-1] = time.Since(begin)
	}
	tenth := batches / 10
	return measure.Percentile(took[:tenth], 50), measure.Percentile(took[batches-tenth:], 50), nil
}
