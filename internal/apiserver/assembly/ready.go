package assembly

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

const readyPoll = 25 * time.Millisecond

// WaitReady returns nil once the server is ready, or the context's error.
func (s *Server) WaitReady(ctx context.Context) error {
	config := rest.CopyConfig(s.Generic.LoopbackClientConfig)
	config.NegotiatedSerializer = clientscheme.Codecs
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return fmt.Errorf("make a client for the probe: %w", err)
	}
	err = wait.PollUntilContextCancel(ctx, readyPoll, true, func(ctx context.Context) (bool, error) {
		return client.Get().AbsPath("/readyz").Do(ctx).Error() == nil, nil
	})
	if err == nil {
		s.ready.Store(true)
	}
	return err
}
