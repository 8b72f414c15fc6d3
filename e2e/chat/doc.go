// Package chat talks to the real server with the SDKs of OpenAI's API that people use, and byte by
// byte where they are too polite to complain. The models behind it are scripted, over real HTTP.
//
//	go test ./chat -v
package chat
