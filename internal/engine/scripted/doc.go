// Package scripted is a model that answers by a script, over HTTP in the APIs of OpenAI, Anthropic
// and AWS Bedrock: for tests, for measurements, and for a first look without a provider's key.
//
// A Server counts what it is asked and remembers the requests, so that a test can hold what was
// sent to a model against what it expects.
//
// The package may import the standard library only.
package scripted
