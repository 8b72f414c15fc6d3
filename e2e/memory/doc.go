// Package memory tests a server that is close to its memory limit.
package memory
