package database

import "time"

// Facts are what one look at a database has found.
type Facts struct {
	// Product is the database's name with its version, such as PostgreSQL 18.1.
	Product string
	// Schema has version 0 where nothing has been stored yet.
	Schema SchemaStatus
	// Revision is the newest one; it and the number of leases are 0 where a migration is due.
	Revision int64
	Leases   int
	// Bytes is what our tables take on disk, about.
	Bytes int64
	// Clock is the database server's at the time of the look; zero where there is no server.
	Clock time.Time
	// Warnings are settings with which acknowledged writes may be lost.
	Warnings []string
}
