package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/auth"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Bedrock is the configuration of models at AWS Bedrock in addition to an Endpoint. BaseURL may be
// "", for the region's own.
type Bedrock struct {
	// Region is the AWS region; "" for the environment's.
	Region string
	// AccessKeyID, SecretAccessKey and SessionToken are AWS credentials, and APIKey is a Bedrock API
	// key that replaces them. If none is set, the environment's credentials are used.
	AccessKeyID, SecretAccessKey, SessionToken, APIKey string
	// MaxTokens and Temperature are inference parameters; nil and "" if the Model does not set them.
	MaxTokens   *int64
	Temperature string
}

type bedrock struct {
	Endpoint
	options Bedrock
	client  *bedrockruntime.Client
}

// NewBedrock returns a model at AWS Bedrock: e.Name is its ID or ARN. environment may be nil, to
// use only the Model's own credentials.
func NewBedrock(ctx context.Context, e Endpoint, o Bedrock, environment *AWSEnvironment) (Model, error) {
	options := bedrockruntime.Options{
		Region: o.Region, HTTPClient: cappedClient{e.Client}, Retryer: aws.NopRetryer{}, // e.Retry is the retry policy
		DefaultsMode: aws.DefaultsModeStandard,
	}
	if e.BaseURL != "" {
		options.BaseEndpoint = &e.BaseURL
	}
	switch {
	case o.APIKey != "":
		options.AuthSchemeResolver = unsigned{}
		options.APIOptions = append(options.APIOptions, smithyhttp.SetHeaderValue("Authorization", "Bearer "+o.APIKey))
	case o.AccessKeyID != "":
		options.Credentials = credentials.NewStaticCredentialsProvider(o.AccessKeyID, o.SecretAccessKey, o.SessionToken)
	}
	if environment != nil && (options.Region == "" || options.Credentials == nil && o.APIKey == "") {
		found, err := environment.load(ctx)
		if err != nil {
			return nil, e.hide(err)
		}
		if options.Region == "" {
			options.Region = found.Region
		}
		if options.Credentials == nil && o.APIKey == "" {
			options.Credentials = found.Credentials
		}
	}
	if options.Region == "" {
		return nil, errors.New("region: neither the Model nor the server's environment names an AWS region")
	}
	return bedrock{e, o, bedrockruntime.New(options)}, nil
}

var _ Lister = bedrock{}

// Has implements Lister. It makes no request: the API that lists models is a different one, and
// needs its own permissions.
func (bedrock) Has(context.Context) (bool, error) { return true, nil }

// Complete implements Model.
func (m bedrock) Complete(ctx context.Context, r Request) (Response, error) {
	input, err := m.input(r)
	if err != nil {
		return Response{}, err
	}
	for attempt := 1; ; attempt++ {
		s := newBedrockStream(m.Name, r)
		output, err := m.client.ConverseStream(ctx, input, withHeaders(r.Headers))
		if err == nil {
			return m.read(ctx, s, output.GetStream())
		}
		if cause := context.Cause(ctx); cause != nil {
			return Response{}, cause
		}
		if err = m.failure(err); !m.Retry.after(ctx, attempt, err) {
			return Response{}, err
		}
	}
}

// read reads an answer to its end.
func (m bedrock) read(ctx context.Context, s *bedrockStream, stream *bedrockruntime.ConverseStreamEventStream) (Response, error) {
	defer func() { _ = stream.Close() }() // read only: nothing is lost on an error
	for event := range stream.Events() {
		if err := s.add(event); err != nil {
			return Response{}, err
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return Response{}, cause
	}
	if err := stream.Err(); err != nil {
		return Response{}, fmt.Errorf("read the model's answer: %w", m.hide(errors.New(bedrockMessage(err))))
	}
	if !s.whole {
		return Response{}, fmt.Errorf("read the model's answer: %w", errBrokenStream)
	}
	return s.response(), nil
}

// failure converts the error of a failed request for Retry.
func (m bedrock) failure(err error) error {
	var answer *smithyhttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() != 0 {
		code := answer.HTTPStatusCode()
		return &retryable{
			error: &StatusError{Code: code, Message: m.hideText(bedrockMessage(err))},
			after: retryAfter(answer.Response.Header), worth: worthRetry(code),
		}
	}
	var request *smithyhttp.RequestSendError
	if errors.As(err, &request) {
		return &connectionError{m.hide(request.Err)}
	}
	return m.hide(err)
}

// bedrockMessage returns the provider's own message.
func bedrockMessage(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		text := api.ErrorMessage()
		if text == "" {
			text = api.ErrorCode()
		}
		if len(text) > maxErrorText {
			text = text[:maxErrorText] + "..."
		}
		return text
	}
	return err.Error()
}

// unsigned disables request signing, for a key in a header: the SDK's own way to send one refuses
// addresses without TLS, such as those of a gateway in the cluster.
type unsigned struct{}

// ResolveAuthSchemes implements bedrockruntime.AuthSchemeResolver.
func (unsigned) ResolveAuthSchemes(context.Context, *bedrockruntime.AuthResolverParameters) ([]*auth.Option, error) {
	return []*auth.Option{{SchemeID: auth.SchemeIDAnonymous}}, nil
}

// withHeaders adds headers to a request.
func withHeaders(headers map[string]string) func(*bedrockruntime.Options) {
	return func(o *bedrockruntime.Options) {
		for _, name := range slices.Sorted(maps.Keys(headers)) {
			o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue(name, headers[name]))
		}
	}
}

// cappedClient bounds the bytes that are read of answers.
type cappedClient struct{ *http.Client }

// Do implements bedrockruntime.HTTPClient.
func (c cappedClient) Do(r *http.Request) (*http.Response, error) {
	answer, err := c.Client.Do(r)
	if err == nil {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{limitBody(answer), answer.Body}
	}
	return answer, err
}
