// Package console serves the web console: its embedded pages below /console, and the sessions of
// browsers.
//
//   - console.go: the handler that wraps the server's own
//   - assets.go: the built pages, compressed, with security headers
//   - session.go: signing in and out, and authentication by a session
//   - issuer.go: signing in at an OpenID Connect issuer
//   - cookie.go: a session sealed into cookies
//   - hosts.go: the host names at which browsers may use the console
//   - limit.go: the limit of wrong tokens for an address
//   - ended.go: sessions that were signed out before their expiry
//
// The pages use the server's public APIs and nothing else. Their sources are in web; `make console`
// builds them into web/dist.
//
// Invariants:
//
//   - A session adds no rights. A request with a session is passed on with the session's bearer
//     token, and authentication, authorization and audit are the standard ones.
//   - A session's cookie is refused without the session's proof in the header X-Ark-Console, which
//     only the page that signed in has. So no other site, and no other server on the same host, can
//     use it.
//   - Session cookies are never passed to the rest of the server.
//   - Tokens are in no log and in no error.
//
// The package may import the standard library only.
package console
