package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc/named"
)

// minPacket is the least max_allowed_packet, in bytes, that a value of the greatest size
// fits into however many quotes it has, which are doubled.
func minPacket(maxValue int) int64 {
	if maxValue <= 0 {
		maxValue = 1536 << 10
	}
	return 2*int64(maxValue) + 1<<20
}

// check looks at what the server is and how it is set up, and warns of what
// an operator should know.
func (e *Engine) check(ctx context.Context, maxValue int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*e.timeout)
	defer cancel()
	conn, err := e.looks.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	vars, err := e.checkServer(ctx, conn, maxValue, e.connections)
	if err != nil {
		return err
	}
	if err := checkTables(ctx, conn); err != nil {
		return err
	}
	if err := checkRights(ctx, conn); err != nil {
		return err
	}
	for _, w := range warnings(vars) {
		e.log.Warn(w)
	}
	return nil
}

// checkServer refuses servers that cannot be used or are set up in a way that cannot work, and
// returns the settings.
func (c connector) checkServer(ctx context.Context, conn *sql.Conn, maxValue, connections int) (map[string]string, error) {
	vars, err := variables(ctx, conn)
	if err != nil {
		return nil, err
	}
	if err := checkVersion(vars["version"]); err != nil {
		return nil, err
	}
	if isSet(vars["read_only"]) || isSet(vars["innodb_read_only"]) {
		return nil, errReplica
	}
	if size, need := c.maxPacket.Load(), minPacket(maxValue); size < need {
		return nil, &database.LimitError{Limit: database.LimitValue, Problem: fmt.Sprintf("the server takes packets of up to %d bytes (max_allowed_packet), and objects of the largest size need %d: "+
			"SET GLOBAL max_allowed_packet = 67108864, and set it in the server's configuration", size, need)}
	}
	if v := vars["innodb_force_recovery"]; v != "" && v != "0" {
		return nil, errors.New("the server runs in recovery mode (innodb_force_recovery=" + v + "), in which it skips what it cannot read, or refuses writes: restart it without, or restore a backup where it cannot")
	}
	if err := checkCapacity(ctx, conn, connections); err != nil {
		return nil, err
	}
	if isSet(vars["log_bin"]) && strings.EqualFold(vars["binlog_format"], "STATEMENT") {
		return nil, errors.New("the server writes its binary log as statements (binlog_format=STATEMENT), with which it refuses every write of ark-server: SET GLOBAL binlog_format = 'ROW', and in its configuration")
	}
	return vars, nil
}

// checkCapacity refuses limits that leave a replica fewer connections than its pools open.
func checkCapacity(ctx context.Context, conn *sql.Conn, wanted int) error {
	var user, server int // the user's own limit, or the server's for each user; 0 is none
	columns := named.Columns{named.Col("@@session.max_user_connections", &user), named.Col("@@global.max_connections", &server)}
	if err := conn.QueryRowContext(ctx, "SELECT "+columns.String()).Scan(columns.Into()...); err != nil {
		return fmt.Errorf("read the limits of connections: %w", err)
	}
	tooFew := func(format string, args ...any) error {
		return &database.LimitError{Limit: database.LimitConnections, Problem: fmt.Sprintf(format, args...), Least: leastConnections}
	}
	switch {
	case user > 0 && user < wanted:
		return tooFew("the user may have %d connections, and each replica opens up to %d: ALTER USER ... WITH MAX_USER_CONNECTIONS 0", user, wanted)
	case server < wanted:
		return tooFew("the server takes %d connections, and each replica opens up to %d: raise max_connections", server, wanted)
	}
	return nil
}

func isSet(v string) bool { return v != "" && isOn(v) }

// variables reads the settings that matter. Servers that lack one say nothing of it.
func variables(ctx context.Context, conn *sql.Conn) (map[string]string, error) {
	rows, err := conn.QueryContext(ctx, `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version','read_only','innodb_read_only',
		'innodb_flush_log_at_trx_commit','innodb_doublewrite','innodb_flush_method','log_bin','sync_binlog','binlog_format','innodb_force_recovery','wsrep_on','group_replication_single_primary_mode')`)
	if err != nil {
		return nil, fmt.Errorf("read the server's settings: %w", err)
	}
	defer rows.Close()
	vars := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, fmt.Errorf("read the server's settings: %w", err)
		}
		vars[strings.ToLower(name)] = value
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the server's settings: %w", err)
	}
	return vars, nil
}

// checkVersion refuses servers too old for what we rely on.
func checkVersion(version string) error {
	least, name := [2]int{8, 0}, "MySQL"
	if strings.Contains(version, "MariaDB") {
		least, name = [2]int{10, 11}, "MariaDB"
	}
	// "10.11.6-MariaDB", "8.0.36"; old replicas' sake puts "5.5.5-" before.
	parts := strings.SplitN(strings.TrimPrefix(version, "5.5.5-"), ".", 3)
	var have [2]int
	for i := range have {
		if i < len(parts) {
			have[i], _ = strconv.Atoi(parts[i]) // what is no number is not new enough
		}
	}
	if have[0] < least[0] || have[0] == least[0] && have[1] < least[1] {
		return fmt.Errorf("the server is %s %s: ark-server needs MySQL 8.0 or MariaDB 10.11, or later", name, version)
	}
	return nil
}

// checkTables sees that all tables can do transactions.
func checkTables(ctx context.Context, conn *sql.Conn) error {
	var table, engine string
	columns := named.Columns{named.Col("table_name", &table), named.Col("COALESCE(engine,'none')", &engine)}
	err := conn.QueryRowContext(ctx, "SELECT "+columns.String()+` FROM information_schema.tables
		WHERE table_schema=DATABASE() AND table_type='BASE TABLE' AND COALESCE(engine,'')<>'InnoDB'
		AND table_name IN (`+tableList+`) LIMIT 1`).Scan(columns.Into()...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look at the tables: %w", err)
	}
	return fmt.Errorf("table %s is kept by the storage engine %s, which cannot do what ark-server relies on: ALTER TABLE %s ENGINE=InnoDB", table, engine, table)
}

// checkRights sees that the user may write: without, all but reads would fail as long as
// the server runs. To explain a statement takes the right to carry it out.
func checkRights(ctx context.Context, conn *sql.Conn) error {
	for _, statement := range []string{
		moveState.head + "(0,0)", fenceStatement, string(deleteStateStatement.Append(nil, literal, named.Arg("created", int64(0)))),
		sideSkipStatement, insertSide.head + "(0,'','',0,0,'')",
	} {
		rows, err := conn.QueryContext(ctx, "EXPLAIN "+statement)
		if err == nil {
			err = rows.Close()
		}
		switch number(err) {
		case errTableDenied, errColumnDenied:
			return &database.FaultError{Fault: database.FaultNoRights, Err: fmt.Errorf("the user may not write: %s the database's tables TO that user: %w", Grants, err)}
		}
		if err != nil {
			return fmt.Errorf("look at the user's rights: %w", err)
		}
	}
	return nil
}

// warnings are the settings with which an acknowledged write may be lost, or
// something not hold that replicas rely on.
func warnings(vars map[string]string) (list []string) {
	if v := vars["innodb_flush_log_at_trx_commit"]; v != "1" {
		list = append(list, "the database acknowledges writes before they are on disk (innodb_flush_log_at_trx_commit="+v+"): a crash of its machine may lose the last second of them; set it to 1")
	}
	if v := vars["sync_binlog"]; isSet(vars["log_bin"]) && v != "1" {
		list = append(list, "the database does not sync its binary log with each commit (sync_binlog="+v+"): after a crash of its machine replicas of the database may miss acknowledged writes, or have writes that it lost; set it to 1")
	}
	if v := vars["innodb_doublewrite"]; v == "OFF" || v == "0" {
		list = append(list, "the database does not protect its pages from partial writes (innodb_doublewrite=OFF): a crash of its machine may damage it unless its file system does")
	}
	if v := vars["innodb_flush_method"]; strings.EqualFold(v, "nosync") {
		list = append(list, "the database writes nothing to disk by force (innodb_flush_method=nosync): a crash of its machine may damage it")
	}
	if isSet(vars["wsrep_on"]) {
		list = append(list, "the database is a Galera cluster: let every replica of ark-server use the same node, for another one may answer with an older state")
	}
	if v := vars["group_replication_single_primary_mode"]; v == "OFF" || v == "0" {
		list = append(list, "the database is a group with several primaries: let every replica of ark-server use the same one, for another one may answer with an older state")
	}
	return list
}
