// Package chat tests the real server with common SDKs for the OpenAI API, and with raw bytes where
// the SDKs are too tolerant. The models behind it are scripted, over real HTTP.
//
//	go test ./chat -v
package chat
