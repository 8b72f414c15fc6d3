// Package provider calls models: small clients for the HTTP APIs of OpenAI (and compatible servers:
// Ollama, vLLM, LM Studio), Azure OpenAI and Anthropic, and AWS's own SDK for Bedrock.
//
//   - message.go, request.go: messages, tools and answers, in the form of OpenAI's chat completions
//   - openai.go, stream.go: OpenAI's wire format and its stream of chunks; Azure's differs in URL
//     and header
//   - anthropic.go: Anthropic's wire format
//   - bedrock.go, bedrock_request.go, bedrock_stream.go, aws.go: Bedrock's ConverseStream, and the
//     environment's credentials
//   - azure_identity.go: tokens of machines and pods, by Azure's SDK
//   - retry.go: the retry policy
//
// Invariants: an incomplete answer is an error; no error text contains a secret of the request; the
// bytes that are read from a server are bounded.
//
// The package may import internal/engine/outbound, github.com/Azure/azure-sdk-for-go/sdk,
// github.com/aws/aws-sdk-go-v2 and github.com/aws/smithy-go.
package provider
