// Package servers runs several standalone servers on one database, as a team does behind a load
// balancer: they have the same keys, by a folder or by the database; a token that one of them
// revokes is refused by all; controllers run on one of them, and on another one when it is killed.
package servers
