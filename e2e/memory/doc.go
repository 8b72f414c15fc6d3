// Package memory shows what a server does at the edge of its memory.
package memory
