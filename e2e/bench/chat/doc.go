// Command chat measures the latency that the server adds to the first token of a stream: each
// client alternates between a scripted model and /v1/chat/completions, and the medians are
// compared.
//
//	go run ./bench/chat
package main
