// Package mark keeps, outside a database, what the database must hold: its store id and
// the newest revision known to be durable, with a digest of the live keys at it. A start
// that finds less than a mark says has lost acknowledged writes, whatever the reason, and
// must not serve.
//
// A mark is a lower bound. It is written after the commit that it describes, so it never
// runs ahead of the database; losing a mark loses nothing but the means to notice.
//
// The package knows files, but no database: the engine of any database can use it.
//
// The package may import the standard library only.
package mark
