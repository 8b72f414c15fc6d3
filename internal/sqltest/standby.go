package sqltest

import (
	"context"
	"errors"
	"fmt"
)

// StartReplicated starts a primary server of MariaDB, or of the MySQL that MySQLProgram names, with
// its binary log on. StartReplica starts a replica of it.
func StartReplicated(ctx context.Context, opts Options) (*Server, error) {
	opts.Settings = append(replicated("1"), opts.Settings...)
	return StartMySQL(ctx, opts)
}

// StartReplica starts a replica of such a server that has not been written yet, which reads from it
// through a port of the caller's choice, and takes no writes itself.
func StartReplica(ctx context.Context, port int) (*Server, error) {
	s, err := StartMySQL(ctx, Options{Own: true, Settings: replicated("2")})
	if err != nil {
		return nil, err
	}
	follow := []string{
		fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='root', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_SSL=0, MASTER_SSL_VERIFY_SERVER_CERT=0", port),
		"SET GLOBAL read_only=1", "START SLAVE",
	}
	if !IsMariaDB() {
		follow = []string{
			"INSTALL PLUGIN rpl_semi_sync_replica SONAME 'semisync_replica.so'",
			"RESET BINARY LOGS AND GTIDS", // of the users that its own start has made
			fmt.Sprintf("CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=%d, SOURCE_USER='root', SOURCE_AUTO_POSITION=1, SOURCE_CONNECT_RETRY=1, GET_SOURCE_PUBLIC_KEY=1", port),
			"SET GLOBAL super_read_only=1", "START REPLICA",
		}
	}
	if err := s.Exec(ctx, follow...); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func replicated(id string) []string {
	settings := []string{"--server-id=" + id, "--log-bin=bin", "--binlog-format=ROW"}
	if IsMariaDB() {
		// The primary waits until the replica has what it acknowledges, once it is told to.
		return append(settings, "--rpl-semi-sync-slave-enabled=ON", "--rpl-semi-sync-master-wait-point=AFTER_SYNC", "--rpl-semi-sync-master-timeout=600000", "--slave-net-timeout=60")
	}
	return append(settings, "--gtid-mode=ON", "--enforce-gtid-consistency=ON")
}

// SemiSynchronous makes a primary of StartReplicated acknowledge no write that its replica has not
// got.
func SemiSynchronous(ctx context.Context, primary, replica *Server) error {
	if IsMariaDB() {
		return primary.Exec(ctx, "SET GLOBAL rpl_semi_sync_master_enabled=ON")
	}
	if err := replica.Exec(ctx, "SET GLOBAL rpl_semi_sync_replica_enabled=1", "STOP REPLICA IO_THREAD", "START REPLICA IO_THREAD"); err != nil {
		return err
	}
	return primary.Exec(ctx, "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'", "SET GLOBAL rpl_semi_sync_source_timeout=600000", "SET GLOBAL rpl_semi_sync_source_enabled=1")
}

// Promote makes a standby or a replica take writes.
func (s *Server) Promote(ctx context.Context) error {
	switch {
	case s.name == "PostgreSQL":
		return s.Exec(ctx, "SELECT pg_promote()")
	case IsMariaDB():
		return s.Exec(ctx, "STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only=0")
	}
	return s.Exec(ctx, "STOP REPLICA", "RESET REPLICA ALL", "SET GLOBAL super_read_only=0", "SET GLOBAL read_only=0")
}

// StartStandby starts a standby of a PostgreSQL server, which streams from it through a port of the
// caller's choice, such as a proxy's. "SELECT pg_promote()" makes it a
// primary.
func StartStandby(ctx context.Context, primary *Server, port int) (*Server, error) {
	b := primary.brand
	b.install = func(s *Server, _ Options) error {
		copier := program("pg_basebackup", postgresPrograms)
		if copier == "" {
			return errors.New("pg_basebackup is not installed: on Debian, apt-get install postgresql-15 (or a later one)")
		}
		s.command.path = copier
		s.command.args = []string{"--pgdata=" + s.data, "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync",
			fmt.Sprintf("--dbname=host=127.0.0.1 port=%d user=postgres sslmode=disable gssencmode=disable", port)}
		if err := s.command.run(); err != nil {
			return err
		}
		s.command.path = primary.command.path
		s.command.args = []string{"-D", s.data, "-p", fmt.Sprint(s.port), "-h", "127.0.0.1", "-k", s.dir}
		return nil
	}
	return begin(ctx, b, Options{Own: true})
}
