// Package servers runs several standalone servers on one database, as a team does behind a load
// balancer. They share the same keys, through a folder or the database. A token that one of them
// revokes is rejected by all. Controllers run on one of them, and move to another one when it is
// killed.
package servers
