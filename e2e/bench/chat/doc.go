// Command chat measures the time that the server adds to the first token of a stream: each client
// asks a scripted model directly and through /v1/chat/completions in turn, and the medians are
// compared.
//
//	go run ./bench/chat
package main
