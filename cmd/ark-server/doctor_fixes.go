package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc/servermark"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
	"github.com/mckinsey/ark-server/internal/privatefile"
)

// heldByAnother adds a fault if a process has the SQLite file open and no server answers.
func (e *examination) heldByAnother() bool {
	if e.storage != storageSQLite || e.running {
		return false
	}
	err := sqlite.Held(e.dbPath)
	if err == nil {
		return false
	}
	e.bad("database", e.databaseFix(err), "%s: %s", e.databaseFlag(), oneLine(err))
	return true
}

// databaseFix returns the commands that fix an error of the database.
func (e *examination) databaseFix(err error) string {
	if fix := e.lossFix(err); fix != "" {
		return fix
	}
	var fault *database.FaultError
	if errors.As(err, &fault) {
		if e.storage == storageSQLite {
			return e.fileFix(fault.Fault)
		}
		return e.serverFix(fault.Fault)
	}
	var certificate *database.TLSError
	var migration *database.MigrationError
	switch {
	case errors.As(err, &migration):
		return "ark-server migrate up --db-user=OWNER, with the other flags of the server, as the owner of the tables"
	case errors.As(err, &certificate) && certificate.Certificate:
		return "name the authority with --db-tls-ca-file=FILE, and the host in --db-host as the certificate does"
	case errors.As(err, &certificate):
		return "enable TLS on the database server, or --db-tls-mode=disable in a network that you trust"
	case e.storage == storageSQLite:
		return "ark-server check " + e.databaseFlag() + " reads the whole database and says what is wrong"
	}
	return "try the same connection with the database's own client: " + e.client("")
}

// lossFix returns the commands to use if data is damaged or missing.
func (e *examination) lossFix(err error) string {
	var lost *sqlite.LossError
	var damaged *sqlite.DamageError
	var corrupt *sqlite.CorruptError
	var serverLost *servermark.LossError
	switch {
	case errors.As(err, &lost), errors.As(err, &damaged), errors.As(err, &corrupt):
		return fmt.Sprintf("ark-server check %[1]s lists what is damaged; stop the server, mv %[2]s %[2]s.damaged (and %[2]s-wal likewise), then ark-server restore --from=BACKUP %[1]s",
			e.databaseFlag(), privatefile.Quote(e.dbPath))
	case errors.As(err, &serverLost) && !serverLost.Other:
		return "restore the database server to its newest state; if that is what it has: stop every replica, ark-server restore --bump-revision, and start them again"
	}
	return ""
}

// fileFix returns the fix for a fault of SQLite.
func (e *examination) fileFix(fault database.Fault) string {
	file, folder := privatefile.Quote(e.dbPath), privatefile.Quote(filepath.Dir(e.dbPath))
	switch fault {
	case database.FaultReadOnly:
		return fmt.Sprintf("chown %d %s %s && chmod 0600 %s, as root; on a read-only file system mount -o remount,rw \"$(stat -c %%m %s)\", or name another file with --db-path", os.Geteuid(), folder, file, file, folder)
	case database.FaultFull:
		return e.spaceFix(filepath.Dir(e.dbPath))
	case database.FaultForeign:
		return fmt.Sprintf("mv %s %s.other, or name another file with --db-path", file, file)
	case database.FaultNewer:
		return newerFix + ", or name another file with --db-path"
	case database.FaultHeld:
		return fmt.Sprintf("ps -o pid,user,args -p \"$(cat %s.lock)\" shows the process: if it is your server, give doctor its flags; else stop it: kill \"$(cat %s.lock)\"", file, file)
	default:
		return "ark-server check " + e.databaseFlag() + " reads the whole database and says what is wrong"
	}
}

const newerFix = "install the release that wrote it, or a later one (ark-server --version prints this one's)"

// rowRights are the privileges that a server needs on its tables.
const rowRights = "SELECT, INSERT, UPDATE, DELETE"

// serverFix returns the fix for a fault of PostgreSQL, MySQL or MariaDB.
func (e *examination) serverFix(fault database.Fault) string {
	named := "--db-host and --db-port"
	if e.db.DSNFile != "" {
		named = "the address in " + e.db.DSNFile
	}
	postgresql := e.storage == storagePostgres
	user, name := e.loginNames()
	switch fault {
	case database.FaultUnreachable:
		return fmt.Sprintf("on that machine: systemctl start %s, and let it listen there (%s); from here: %s; else correct %s",
			either(postgresql, "postgresql", "mariadb, or mysql"), either(postgresql, "listen_addresses", "bind-address"), e.client(""), named)
	case database.FaultNoHost:
		return fmt.Sprintf("getent hosts %s must print an address: correct %s, or add the name to DNS or /etc/hosts", privatefile.Quote(e.db.Host), named)
	case database.FaultCredentials:
		given := "the same in the file of --db-password-file, or in " + passwordVariable
		if e.db.DSNFile != "" {
			given = "the same in " + e.db.DSNFile
		}
		if postgresql {
			return fmt.Sprintf("%s, and write %s; the server's pg_hba.conf must let the user in from here", e.admin(`\password `+user, ""), given)
		}
		return fmt.Sprintf("%s, and write %s; USER@HOST must be one that lets the user in from here", e.admin(fmt.Sprintf("ALTER USER '%s' IDENTIFIED BY '...'", user), ""), given)
	case database.FaultNoDatabase:
		if postgresql {
			return e.admin(fmt.Sprintf(`CREATE DATABASE "%s" OWNER "%s"`, name, user), "") + ", or correct --db-name"
		}
		return e.admin(fmt.Sprintf("CREATE DATABASE `%s`", name), "") + ", or correct --db-name"
	case database.FaultNoRights:
		if postgresql {
			return fmt.Sprintf(`%s; before the first start also: %s`, e.admin(fmt.Sprintf(`GRANT %s ON ALL TABLES IN SCHEMA public TO "%s"`, rowRights, user), name), e.admin(fmt.Sprintf(`GRANT CREATE ON SCHEMA public TO "%s"`, user), name))
		}
		return fmt.Sprintf("%s; before the first start: GRANT ALL ON `%s`.* TO '%s'", e.admin(fmt.Sprintf("GRANT %s ON `%s`.* TO '%s'", rowRights, name, user), ""), name, user)
	case database.FaultReadOnly:
		return fmt.Sprintf("name the primary instead: correct %s; %s says whether a server is one", named,
			e.admin(either(postgresql, "SELECT NOT pg_is_in_recovery()", "SELECT NOT @@read_only"), ""))
	case database.FaultForeign:
		return "name another database, which is empty: correct --db-name"
	case database.FaultNewer:
		return newerFix + ", or name another database with --db-name"
	default:
		return "try the same connection with the database's own client: " + e.client("")
	}
}

// loginNames returns the user and the database. It returns placeholders if they are in a file,
// which may also contain a password.
func (e *examination) loginNames() (user, name string) {
	if e.db.DSNFile != "" {
		return "USER", "DATABASE"
	}
	return e.db.User, e.db.Name
}

// client returns the command that connects with the server's own user.
func (e *examination) client(statement string) string {
	user, name := e.loginNames()
	return e.command(user, name, statement)
}

// admin returns the command with which an administrator runs a statement.
func (e *examination) admin(statement, name string) string {
	return e.command(either(e.storage == storagePostgres, "postgres", "root"), name, statement)
}

// command returns a command line of the database's own client.
func (e *examination) command(user, name, statement string) string {
	postgresql := e.storage == storagePostgres
	line := []string{either(postgresql, "psql", "mysql")}
	add := func(option, value string) {
		if value != "" {
			line = append(line, option, privatefile.Quote(value))
		}
	}
	if e.db.DSNFile == "" {
		socket := strings.HasPrefix(e.db.Host, "/")
		if postgresql || !socket {
			add("-h", e.db.Host)
		}
		if e.db.Port != 0 {
			add(either(postgresql, "-p", "-P"), fmt.Sprint(e.db.Port))
		}
	} else {
		add("-h", "HOST")
	}
	add(either(postgresql, "-U", "-u"), user)
	if !postgresql {
		line = append(line, "-p")
	}
	if postgresql {
		add("-d", name)
	} else if name != "" {
		line = append(line, privatefile.Quote(name))
	}
	add(either(postgresql, "-c", "-e"), statement)
	return strings.Join(line, " ")
}

// spaceFix returns the fix for a disk that is full or nearly full.
func (e *examination) spaceFix(folder string) string {
	where := "--data-dir"
	if e.storage == storageSQLite && e.dataDir == "" {
		where = "--db-path"
	}
	return fmt.Sprintf("du -xh %s | sort -h | tail shows what takes it: free some space, or stop the server, move the files to another disk and name the place with %s", privatefile.Quote(folder), where)
}

// outageFix returns the fix for the last error of a running server.
func (e *examination) outageFix(text string) string {
	for _, sign := range []string{"disk is full", "no space", "No space left", "could not extend file"} {
		if !strings.Contains(text, sign) {
			continue
		}
		if e.storage == storageSQLite {
			return e.spaceFix(filepath.Dir(e.dbPath)) + "; the server goes on by itself"
		}
		return "free some space on the database server's disk (df -h there); the server goes on by itself"
	}
	return "look at the item database"
}

func either(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}
