package mysql

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// TestClassify: only an error that cannot have come from the commit says that
// nothing was written.
func TestClassify(t *testing.T) {
	server := func(number uint16, text string) error {
		return fmt.Errorf("write: %w", &mysqldriver.MySQLError{Number: number, Message: text})
	}
	for _, tc := range []struct {
		err     error
		last    error // what it is where the text ended with COMMIT; nil: nothing in particular
		earlier error
	}{
		{server(1048, "Column 'batch' cannot be null"), mvcc.ErrMoved, mvcc.ErrMoved},
		{server(1205, "Lock wait timeout exceeded"), nil, nil},
		{server(1213, "Deadlock found"), nil, nil},
		{server(1290, "--read-only"), errReplica, errReplica},
		{server(1836, "Running in read-only mode"), errReplica, errReplica},
		{server(1114, "The table 'ark_log' is full"), mvcc.ErrNoSpace, mvcc.ErrNoSpace},
		{server(1021, "Disk full"), mvcc.ErrNoSpace, mvcc.ErrNoSpace},
		{server(1030, "Got error 28 \"No space left on device\" from storage engine InnoDB"), mvcc.ErrUnknownOutcome, mvcc.ErrNoSpace},
		{server(1026, "Error writing file 'binlog' (Errcode: 28 \"No space left on device\")"), mvcc.ErrUnknownOutcome, mvcc.ErrNoSpace},
		{server(1180, "Got error 5 during COMMIT"), mvcc.ErrUnknownOutcome, nil},
		{server(1053, "Server shutdown in progress"), mvcc.ErrUnknownOutcome, nil},
		{server(1317, "Query execution was interrupted"), mvcc.ErrUnknownOutcome, nil},
		{server(3101, "Plugin instructed the server to rollback"), nil, nil},
		{mysqldriver.ErrInvalidConn, mvcc.ErrUnknownOutcome, nil},
		{driver.ErrBadConn, nil, nil}, // the driver has sent nothing
		{errors.New("connection reset by peer"), mvcc.ErrUnknownOutcome, nil},
	} {
		for last, want := range map[bool]error{true: tc.last, false: tc.earlier} {
			got := classify(tc.err, last && !undone(tc.err))
			for _, kind := range []error{mvcc.ErrMoved, mvcc.ErrUnknownOutcome, mvcc.ErrNoSpace, errReplica} {
				if errors.Is(got, kind) != (kind == want) {
					t.Errorf("%v, last %t: got %v, want %v", tc.err, last, got, want)
				}
			}
		}
	}
}

func TestCheckVersion(t *testing.T) {
	for version, good := range map[string]bool{
		"10.11.6-MariaDB-0+deb12u1": true, "5.5.5-10.11.2-MariaDB": true, "11.4.2-MariaDB": true, "10.6.12-MariaDB": false,
		"8.0.36": true, "8.4.0-log": true, "9.1.0": true, "5.7.44": false, "nonsense": false,
	} {
		if err := checkVersion(version); (err == nil) != good {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	good := map[string]string{"innodb_flush_log_at_trx_commit": "1", "log_bin": "ON", "sync_binlog": "1", "innodb_doublewrite": "ON", "innodb_flush_method": "fsync"}
	if got := warnings(good); len(got) != 0 {
		t.Errorf("%q", got)
	}
	for name, value := range map[string]string{"innodb_flush_log_at_trx_commit": "2", "sync_binlog": "0", "innodb_doublewrite": "OFF", "innodb_flush_method": "nosync",
		"wsrep_on": "ON", "group_replication_single_primary_mode": "OFF"} {
		bad := map[string]string{}
		for k, v := range good {
			bad[k] = v
		}
		bad[name] = value
		if got := warnings(bad); len(got) != 1 {
			t.Errorf("%s=%s: %q", name, value, got)
		}
	}
}
