// Package dbupgrade upgrades the database server under two running ark-servers and writers with a
// journal: MariaDB in place, and PostgreSQL by pg_upgrade and by a dump.
//
//	make e2e-database-upgrade
package dbupgrade
