package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Await calls try, and again for some time while its error is one that later reports may pass. No
// wait is one try.
func Await(ctx context.Context, wait time.Duration, log *slog.Logger, later func(error) bool, try func() error) error {
	deadline := time.Now().Add(wait)
	for pause := 100 * time.Millisecond; ; pause = min(pause*2, 5*time.Second) {
		err := try()
		left := time.Until(deadline)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil: // a stop, which is no fault of the database
			return errors.Join(ctx.Err(), err)
		case wait == 0 || !later(err):
			return err
		case left <= 0:
			return fmt.Errorf("%w (tried for %s)", err, wait)
		}
		pause = min(pause, left)
		log.Warn("waiting for the database", "retryIn", pause.Round(time.Millisecond).String(), "givingUpIn", left.Round(time.Second).String(), "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}
