// Package scripted is a model that answers by a script, over HTTP in the APIs of OpenAI, Anthropic
// and AWS Bedrock: for tests, for measurements, and for a demo without a provider's key.
//
// A Server counts and records the requests, so that a test can compare them with what it expects.
//
// The package may import the standard library only.
package scripted
