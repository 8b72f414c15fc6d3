// Command engine measures Queries from the request to the answer. Clients create them over HTTPS,
// they are executed against a scripted model over HTTP, and a watch returns the answers. Each
// answer is verified by a nonce of its question. The embedded engine alternates with the same
// server under --engine=external, where an external controller sends the writes of Ark's controller
// over HTTPS. The controller reads no agents and no models and renders nothing, so it costs less
// than a real one.
package main
