// Command kindlist writes the Go file that lists the definitions of all kinds, by the
// convention that the definition of the kind Agent is the function defineAgent. It takes
// the kinds from internal/apis/ark/install, so that it runs before the registry compiles.
//
//	go run ./internal/registry/kindlist internal/registry/zz_generated.kinds.go
//
// The package may import internal/apis/ark/install.
package main
