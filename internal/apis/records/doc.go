// Package records names the API group of what the server records about Ark objects, and of questions about them: revisions,
// deleted objects, retention policies, searches and SQL. Its kinds are in a folder for each version.
//
// generate.sh, run by make generate, writes every zz_generated file below this folder.
//
// The package may import the standard library only.
package records
