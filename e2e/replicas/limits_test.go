package replicas

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"

	"github.com/mckinsey/ark-server/e2e/internal/engine"
	"github.com/mckinsey/ark-server/internal/sqltest"
)

// pace is what the time limits of the server are set to, and the mean pause between two bursts of
// writes: whatever ends with the limit ends while they come. MySQL counts most of its limits in
// seconds.
const (
	pace  = time.Second
	burst = 25
)

// timeLimits are the servers' own, for all sessions, each with what sets it to pace. Those that a
// version lacks are left out by its start, not by the test: see without.
var timeLimits = map[string][]string{
	engine.PostgreSQL: {
		"statement_timeout = '1s'", "lock_timeout = '1s'", "idle_in_transaction_session_timeout = '1s'", "idle_session_timeout = '1s'",
		"transaction_timeout = '1s'", "tcp_user_timeout = '1s'", "client_connection_check_interval = '1s'", "deadlock_timeout = '1s'",
	},
	"MariaDB": {
		"--max-statement-time=1", "--innodb-lock-wait-timeout=1", "--lock-wait-timeout=1", "--wait-timeout=1", "--interactive-timeout=1",
		"--net-read-timeout=1", "--net-write-timeout=1", "--idle-transaction-timeout=1", "--idle-write-transaction-timeout=1",
		"--idle-readonly-transaction-timeout=1",
	},
	"MySQL": {
		"--max-execution-time=1000", "--innodb-lock-wait-timeout=1", "--lock-wait-timeout=1", "--wait-timeout=1", "--interactive-timeout=1",
		"--net-read-timeout=1", "--net-write-timeout=1",
	},
}

// since is the version of PostgreSQL that brought a limit, where that is not the oldest that is
// supported.
var since = map[string]int{"idle_session_timeout": 14, "client_connection_check_interval": 14, "transaction_timeout": 17}

func limitsOf(t *testing.T, storage string) []string {
	t.Helper()
	if storage != engine.PostgreSQL {
		if sqltest.IsMariaDB() {
			return timeLimits["MariaDB"]
		}
		return timeLimits["MySQL"]
	}
	version, err := sqltest.PostgresVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, limit := range timeLimits[storage] {
		if name, _, _ := strings.Cut(limit, " "); since[name] <= version {
			have = append(have, limit)
		}
	}
	return have
}

// TestTimeLimits checks that writes at the pace of the server's time limits are neither rejected
// nor of unknown outcome, and that each exists once. A short run sets all limits at once; -limits
// tests each separately with the given number of writes.
func TestTimeLimits(t *testing.T) {
	for _, storage := range engine.Servers {
		t.Run(storage, func(t *testing.T) {
			all := limitsOf(t, storage)
			if *limitsFlag == 0 {
				atThePaceOf(t, storage, all, 4*burst)
				return
			}
			for _, limit := range all {
				t.Run(limit, func(t *testing.T) { atThePaceOf(t, storage, []string{limit}, *limitsFlag) })
			}
			t.Run("all", func(t *testing.T) { atThePaceOf(t, storage, all, *limitsFlag) })
		})
	}
}

func atThePaceOf(t *testing.T, storage string, limits []string, writes int) {
	opts := sqltest.Options{Settings: limits}
	if storage == engine.PostgreSQL {
		opts.Settings = nil
	}
	server, place := engine.StartWith(t, storage, opts)
	if storage == engine.PostgreSQL {
		// The limits apply to this database only, so that they do not affect the session that creates and
		// drops it.
		for _, limit := range limits {
			if err := server.Exec(t.Context(), "ALTER DATABASE "+place.Config.Name+" SET "+limit); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute+time.Duration(writes/burst)*2*pace)
	defer cancel()
	c := startReplicas(t, server, place, 2)
	var clients []*clientv3.Client
	for _, r := range c.replicas {
		client := r.client(t)
		if _, err := ready(ctx, client); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, client)
	}
	written := make([]int64, 0, writes) // revision of each
	for len(written) < writes {
		select {
		case <-time.After(pace*9/10 + time.Duration(rand.Int64N(int64(pace/5)))):
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		}
		first := len(written)
		written = append(written, make([]int64, burst)...)
		var g errgroup.Group
		for i := first; i < first+burst; i++ {
			g.Go(func() (err error) {
				written[i], err = createOnce(ctx, clients[i%2], i)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatalf("after %d writes: %v", first, err)
		}
	}
	for i, client := range clients {
		resp, err := client.Get(ctx, prefix, clientv3.WithPrefix())
		if err != nil {
			t.Fatal(err)
		}
		if len(resp.Kvs) != writes {
			t.Errorf("replica %d has %d keys, want %d", i, len(resp.Kvs), writes)
		}
		for _, kv := range resp.Kvs {
			var n int
			if _, err := fmt.Sscanf(string(kv.Value), "write %d", &n); err != nil || n < 0 || n >= writes || kv.ModRevision != written[n] || kv.Version != 1 {
				t.Errorf("replica %d has %s=%s of revision %d, version %d", i, kv.Key, kv.Value, kv.ModRevision, kv.Version)
			}
		}
	}
}

// createOnce creates a key that no other client writes, and reads it back.
func createOnce(ctx context.Context, client *clientv3.Client, i int) (int64, error) {
	name, value := fmt.Sprintf("%swrite-%05d", prefix, i), fmt.Sprintf("write %d", i)
	resp, err := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(name), "=", 0)).Then(clientv3.OpPut(name, value)).Commit()
	switch {
	case err != nil:
		return 0, fmt.Errorf("nothing has happened to the database, and yet: %w", err)
	case !resp.Succeeded:
		return 0, errors.New("a key is there already that was written once")
	}
	read, err := client.Get(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("nothing has happened to the database, and yet: %w", err)
	}
	if len(read.Kvs) != 1 || string(read.Kvs[0].Value) != value || read.Kvs[0].ModRevision != resp.Header.Revision {
		return 0, fmt.Errorf("wrote %s at revision %d, read %v", value, resp.Header.Revision, read.Kvs)
	}
	return resp.Header.Revision, nil
}
