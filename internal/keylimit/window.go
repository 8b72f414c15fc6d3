package keylimit

import (
	"slices"
	"time"

	"github.com/mckinsey/ark-server/internal/token"
)

// minute is the window of the per-minute limits.
const minute = time.Minute

// use is a row: one request, or the tokens of one answer.
type use struct {
	at     time.Time
	tokens int64 // 0 for a request
}

// window is the cached use of a key: the requests and answers of the last minute, and the tokens of
// a day.
type window struct {
	uses []use // in the order of their rows
	// day is the UTC day in which tokens are counted.
	day    time.Time
	tokens int64
}

func dayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// add counts a use.
func (w *window) add(u use, now time.Time) {
	if day := dayOf(u.at); day.After(w.day) {
		w.day, w.tokens = day, 0
	}
	if dayOf(u.at).Equal(w.day) {
		w.tokens += u.tokens
	}
	if u.at.After(now.Add(-minute)) {
		w.uses = append(w.uses, u)
	}
}

// forget drops uses that are older than a minute, and the tokens of a past day.
func (w *window) forget(now time.Time) {
	w.uses = slices.DeleteFunc(w.uses, func(u use) bool { return !u.at.After(now.Add(-minute)) })
	if day := dayOf(now); day.After(w.day) {
		w.day, w.tokens = day, 0
	}
}

// sums returns the requests and the tokens of the last minute.
func (w *window) sums() (requests, tokens int64) {
	for _, u := range w.uses {
		if u.tokens == 0 {
			requests++
		}
		tokens += u.tokens
	}
	return requests, tokens
}

// standing returns the state of the limits of a key.
func (w *window) standing(l token.Limits, now time.Time) Standing {
	requests, tokens := w.sums()
	s := Standing{Requests: count(l.RequestsPerMinute, requests), Tokens: count(l.TokensPerMinute, tokens), Day: count(l.TokensPerDay, w.tokens)}
	s.Day.Reset = dayOf(now).Add(24 * time.Hour).Sub(now)
	s.Requests.Reset = w.free(now, func(u use) int64 {
		if u.tokens == 0 {
			return 1
		}
		return 0
	}, requests, l.RequestsPerMinute)
	s.Tokens.Reset = w.free(now, func(u use) int64 { return u.tokens }, tokens, l.TokensPerMinute)
	return s
}

// free returns the time until less than the limit is used; if the limit is not reached, until
// nothing is used.
func (w *window) free(now time.Time, size func(use) int64, used, limit int64) time.Duration {
	wanted := int64(1) // the remaining use has to be below this
	if used >= limit {
		wanted = limit
	}
	for _, u := range w.uses {
		if used -= size(u); size(u) > 0 && used < wanted {
			return max(u.at.Add(minute).Sub(now), 0)
		}
	}
	return 0
}

func count(limit, used int64) Count { return Count{Limit: limit, Used: used} }
