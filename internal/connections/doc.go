// Package connections bounds what clients that nobody knows can hold of a server: connections, the
// time until they say something, and requests under way on one of them.
//
// A connection is unproven until a request on it has named a user. Unproven ones are cheap to lose:
// where there are too many, of one address or in all, the oldest is closed for the newest, so that
// a client that means something gets in past any number that do not. Those of a known user are
// closed for nobody; at the bound of all connections the next one is refused. An exempt connection,
// that of the proxy in front of the server, is subject to no bound.
//
// A handler finds the connection of its request by the local address that net/http puts
// into the context.
//
// The package may import the standard library only.
package connections
