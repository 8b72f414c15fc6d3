package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/database"
)

// passwordVariable holds the database password. There is no flag for it: every user of the machine
// can read a command line.
const passwordVariable = "ARK_DB_PASSWORD"

func (o *options) addDatabaseFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.db.Host, "db-host", "", "database server: `host` name, IP address, or the folder of its Unix socket")
	fs.IntVar(&o.db.Port, "db-port", 0, "its `port` (default 5432 for PostgreSQL, 3306 for MySQL)")
	fs.StringVar(&o.db.Name, "db-name", "", "`name` of the database, which must exist")
	fs.StringVar(&o.db.User, "db-user", "", "`name` of the user to log in as")
	fs.StringVar(&o.db.PasswordFile, "db-password-file", "", "`file` that holds the password, read again for each new connection; or set "+passwordVariable+" in the environment")
	fs.StringVar(&o.dbTLSMode, "db-tls-mode", "", "`disable|prefer|require|verify-ca|verify-full` (default verify-full with --db-tls-ca-file, else prefer)")
	fs.StringVar(&o.db.TLS.CAFile, "db-tls-ca-file", "", "PEM `file` of the authority that signed the server's certificate (default the system's)")
	fs.StringVar(&o.db.TLS.CertFile, "db-tls-cert-file", "", "PEM `file` of the client certificate to log in with")
	fs.StringVar(&o.db.TLS.KeyFile, "db-tls-key-file", "", "PEM `file` of that certificate's key")
	fs.StringVar(&o.db.DSNFile, "db-dsn-file", "", "`file` with one line, in the driver's notation, that says all of the above instead: postgres://... or user:password@tcp(host:3306)/name")
	fs.IntVar(&o.db.MaxConnections, "db-max-connections", 0, "most `connections` that this process keeps open (default 10)")
	fs.DurationVar(&o.db.Timeout, "db-timeout", 0, "how long a statement, or a try to connect, may take (default 5s)")
	fs.DurationVar(&o.dbWait, "db-wait", o.dbWait, "how long the start waits for the database server to answer; 0 tries once")
	fs.StringVar(&o.markDir, "mark-dir", "", "`folder` for the file that says what the database must hold, so that a start on an older copy is refused; one that outlives the process (default that of --keys-dir; none with --mode=aggregated)")
	fs.BoolVar(&o.dbMigrate, "db-migrate", o.dbMigrate, "create the tables, or bring them up to date, at the start; with false a privileged user runs ark-server migrate up")
}

// validateDatabase returns the faults of the flags of a database server.
func (o *options) validateDatabase() []error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	modes := []string{string(database.TLSDisable), string(database.TLSPrefer), string(database.TLSRequire), string(database.TLSVerifyCA), string(database.TLSVerifyFull)}
	if o.dbTLSMode != "" {
		errs = append(errs, checkValue("db-tls-mode", o.dbTLSMode, modes...))
	}
	o.db.TLS.Mode = database.TLSMode(o.dbTLSMode)
	if o.dbTLSMode == "" && o.db.TLS.CAFile != "" {
		o.db.TLS.Mode = database.TLSVerifyFull
	}
	o.db.Password = database.Secret(os.Getenv(passwordVariable))
	given := map[string]bool{
		"db-host": o.db.Host != "", "db-port": o.db.Port != 0, "db-name": o.db.Name != "", "db-user": o.db.User != "",
		"db-password-file": o.db.PasswordFile != "", "db-tls-mode": o.dbTLSMode != "", "db-tls-ca-file": o.db.TLS.CAFile != "",
		"db-tls-cert-file": o.db.TLS.CertFile != "", "db-tls-key-file": o.db.TLS.KeyFile != "",
	}
	if !o.onServer() {
		for _, name := range sortedKeys(given) {
			if given[name] {
				add("--%s: only for --storage=postgresql or --storage=mysql: add one of them, or leave it out", name)
			}
		}
		if o.markDir != "" {
			add("--mark-dir=%s: only for --storage=postgresql or --storage=mysql: add one of them, or leave it out", o.markDir)
		}
		if o.db.DSNFile != "" {
			add("--db-dsn-file=%s: only for --storage=postgresql or --storage=mysql: add one of them, or leave it out", o.db.DSNFile)
		}
		return errs
	}
	if o.db.DSNFile != "" {
		for _, name := range sortedKeys(given) {
			if given[name] {
				add("--%s: --db-dsn-file says that already: leave one of them out", name)
			}
		}
	} else {
		for flag, value := range map[string]string{"db-host": o.db.Host, "db-name": o.db.Name, "db-user": o.db.User} {
			if value == "" {
				errs = append(errs, fmt.Errorf("--storage=%s needs --%s (or all of it in --db-dsn-file)", o.storage, flag))
			}
		}
		slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	}
	if o.db.PasswordFile != "" && o.db.Password != "" {
		add("--db-password-file=%s: %s is set too: leave one of them out", o.db.PasswordFile, passwordVariable)
	}
	if (o.db.TLS.CertFile == "") != (o.db.TLS.KeyFile == "") {
		errs = append(errs, errors.New("--db-tls-cert-file and --db-tls-key-file go together"))
	}
	if o.db.Port < 0 || o.db.Port > 65535 {
		add("--db-port=%d: use 1 to 65535, or leave it out for the server's usual one", o.db.Port)
	}
	if n := o.db.MaxConnections; n < 0 || n > 0 && n < leastConnections {
		add("--db-max-connections=%d: use %d or more", n, leastConnections)
	}
	if o.db.Timeout < 0 {
		add("--db-timeout=%s: use a duration such as 5s", o.db.Timeout)
	}
	if o.dbWait < 0 {
		add("--db-wait=%s: use a duration such as 5m, or 0 to try once", o.dbWait)
	}
	return errs
}

// leastConnections is the number of connections that a replica needs: one to write, one to read,
// one to listen, two for maintenance.
const leastConnections = 5

func sortedKeys(m map[string]bool) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
