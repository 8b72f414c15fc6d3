// Command engine measures Queries from the request to the answer: clients create them over HTTPS,
// they are executed against a scripted model over HTTP, and a watch returns the answers, each of
// which is checked by a nonce of its question. The embedded engine takes turns with the same server
// under --engine=external, where an outside controller makes the writes that Ark's controller
// makes, over HTTPS. The controller reads no agents and no models and renders nothing: it costs
// less than a real one.
package main
