// Package outbound makes the HTTP clients that call models, tools and other servers whose addresses
// users write into objects.
//
// Invariants:
//
//   - Whether an address may be reached is decided when the connection is made, by the address that
//     the name resolved to. A name that resolves to something else later, and a redirect, are
//     checked again.
//   - Link-local addresses, among them those of clouds' metadata services, are refused unless they
//     are listed explicitly.
//   - A redirect to another host carries no header of the request: headers hold secrets.
//   - A proxy of the environment is the operator's, and may have any address.
//
// The package may import the standard library only.
package outbound
