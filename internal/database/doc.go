// Package database says how to reach a database server, also one that comes later, and with which
// credentials: what --db-host and its neighbours tell the engines that have one.
//
// Secrets are read from their files at the time of use, so that a rotated
// password serves the next connection, and no String method or error of the
// package shows one.
//
// The package may import the standard library only.
package database
