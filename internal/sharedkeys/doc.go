// Package sharedkeys keeps the keys that servers on one database must have in common in that
// database, encrypted with a passphrase that each of them is given. A server has them in its folder
// of keys, too, as if it were alone.
//
//	Share    before a server starts: brings its folder and the database to the same keys, and makes them where there are none
//	Refresh  while it runs: takes over the files that may change under it
//	Change   for commands: shares other keys
//	Stop     for commands: removes them from the database
//
// Invariants: of servers that start at once, all have the keys of the first that stored some; a
// file in a folder is replaced only if it is one that was shared before, so that nothing is lost
// that exists nowhere else; neither keys nor passphrase are in an error.
//
// What the database holds is one value: a JSON object with the parameters of PBKDF2 (SHA-256), and
// the files sealed by AES-256-GCM. Each time it is written it has a new salt, and with it a new
// key.
//
// The package may import internal/privatefile and go.etcd.io/etcd/client/v3.
package sharedkeys
