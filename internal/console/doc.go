// Package console serves the web console: its embedded pages below /console, and the sessions of
// browsers.
//
//   - console.go: the handler that goes around the server's own
//   - assets.go: the built pages, compressed, with the headers that bound what they may do
//   - session.go: signing in and out, and requests that authenticate by a session
//   - issuer.go: signing in at an OpenID Connect issuer
//   - cookie.go: a session sealed into cookies
//   - hosts.go: the names at which browsers may use the console
//   - limit.go: how many wrong tokens an address may try
//   - ended.go: sessions that were signed out before their time
//
// The pages use the server's public APIs and nothing else. Their sources are in web; `make console`
// builds them into web/dist.
//
// Invariants:
//
//   - A session adds no rights. A request with a session goes on as the same request with the
//     session's bearer token, and authentication, authorization and audit are the stock ones.
//   - A session's cookie opens nothing without the session's proof in the header X-Ark-Console,
//     which only the page that signed in has. So no other site, and no other server on the same
//     host, can use it.
//   - The cookies of sessions never go on to the rest of the server.
//   - Tokens are in no log and in no error.
//
// The package may import the standard library only.
package console
