package provider

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// AWSEnvironment finds the AWS region and credentials of the server's environment: variables,
// files, the identity of a pod or a machine. They are looked up once, when a Model first needs
// them, and renewed before they expire. It is safe for concurrent use.
type AWSEnvironment struct {
	mu    sync.Mutex
	found *aws.Config
}

func (a *AWSEnvironment) load(ctx context.Context) (aws.Config, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.found == nil {
		found, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return aws.Config{}, fmt.Errorf("find the credentials of AWS in the server's environment: %w", err)
		}
		a.found = &found
	}
	return *a.found, nil
}
