package mvcc

import (
	"errors"
	"testing"
	"time"
)

// TestKeepTurn: the session hears from a replica while it decides, and a turn whose session has
// ended is lost, unless decide has failed itself.
func TestKeepTurn(t *testing.T) {
	said := 0
	want := &Batch{ID: 1}
	b, err := KeepTurn(func() error { said++; return nil }, func() (*Batch, error) {
		time.Sleep(4 * turnPulse)
		return want, nil
	})
	if b != want || err != nil || said == 0 {
		t.Errorf("got %v, %v, said %d times", b, err, said)
	}

	gone, own := errors.New("gone"), errors.New("own")
	b, err = KeepTurn(func() error { return gone }, func() (*Batch, error) {
		time.Sleep(2 * turnPulse)
		return want, nil
	})
	if b != nil || !errors.Is(err, ErrTurnLost) || !errors.Is(err, gone) {
		t.Errorf("got %v, %v", b, err)
	}
	_, err = KeepTurn(func() error { return gone }, func() (*Batch, error) {
		time.Sleep(2 * turnPulse)
		return nil, own
	})
	if !errors.Is(err, own) || errors.Is(err, ErrTurnLost) {
		t.Errorf("got %v", err)
	}
}
