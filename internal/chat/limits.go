package chat

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/mckinsey/ark-server/internal/engine/ask"
	"github.com/mckinsey/ark-server/internal/keylimit"
)

// Rate limit headers of OpenAI's API.
const (
	headerLimit     = "X-Ratelimit-Limit-"
	headerRemaining = "X-Ratelimit-Remaining-"
	headerReset     = "X-Ratelimit-Reset-"
	// limitHeaders lists all of them.
	limitHeaders = headerLimit + "Requests, " + headerRemaining + "Requests, " + headerReset + "Requests, " +
		headerLimit + "Tokens, " + headerRemaining + "Tokens, " + headerReset + "Tokens, Retry-After-Ms"
)

// admit refuses a request that exceeds the limits of its key, and counts the others.
func (x *exchange) admit() *Fault {
	if x.who.key == "" {
		return nil
	}
	ledger := x.server.options.Limits
	if ledger == nil {
		return serverFault(http.StatusServiceUnavailable, "limits_unavailable", "the key has limits, and this server has no database to count in: use a key without limits")
	}
	s, admitted, err := ledger.Admit(x.r.Context(), x.who.key, x.who.limits)
	if err != nil {
		return serverFault(http.StatusServiceUnavailable, "unavailable", err.Error())
	}
	header := x.w.Header()
	show(header, "Requests", s.Requests)
	tokens := s.Tokens
	if tokens.Limit == 0 || s.Day.Limit > 0 && s.Day.Remaining() < tokens.Remaining() {
		tokens = s.Day // the limit with the smaller remainder is shown
	}
	show(header, "Tokens", tokens)
	switch {
	case admitted:
		return nil
	case s.Day.Reached():
		header.Set("X-Should-Retry", "false") // an SDK would wait for hours
		return tooMany(header, "insufficient_quota", s.Day, "tokens per day (TPD)")
	case s.Requests.Reached() && (!s.Tokens.Reached() || s.Requests.Reset >= s.Tokens.Reset):
		return tooMany(header, codeLimit, s.Requests, "requests per min (RPM)")
	}
	return tooMany(header, codeLimit, s.Tokens, "tokens per min (TPM)")
}

// show sets the headers of a limit.
func show(header http.Header, name string, c keylimit.Count) {
	if c.Limit == 0 {
		return
	}
	header.Set(headerLimit+name, strconv.FormatInt(c.Limit, 10))
	header.Set(headerRemaining+name, strconv.FormatInt(c.Remaining(), 10))
	header.Set(headerReset+name, c.Reset.Round(time.Millisecond).String())
}

// tooMany returns the fault for a request that exceeds a limit.
func tooMany(header http.Header, code string, c keylimit.Count, what string) *Fault {
	header.Set("Retry-After-Ms", strconv.FormatInt(max(c.Reset.Milliseconds()+1, 1), 10))
	return &Fault{
		Status: http.StatusTooManyRequests, Type: typeLimit, Code: text(code), RetryAfter: max(int(math.Ceil(c.Reset.Seconds())), 1),
		Message: fmt.Sprintf("the limit of the key is reached on %s: limit %d, used %d: try again in %s", what, c.Limit, c.Used, c.Reset.Round(time.Millisecond)),
	}
}

// charge counts the tokens of an answer for the key when the Query has ended.
func (x *exchange) charge() {
	if x.who.key == "" || x.again {
		return
	}
	if ask.Ended(x.query) {
		x.server.charge(context.WithoutCancel(x.r.Context()), x)
		return
	}
	// The client has disconnected, or does not wait, and its Query may still run.
	x.server.background(x.r.Context(), func(ctx context.Context) {
		q, err := ask.Wait(ctx, x.server.options.System, x.query)
		if err != nil {
			return // the Query was deleted, or the process stops
		}
		x.query = q
		x.server.charge(ctx, x)
	})
}

func (s *Server) charge(ctx context.Context, x *exchange) {
	used := usageOf(x.query)
	if used == nil {
		return
	}
	if err := s.options.Limits.Used(ctx, x.who.key, used.Total); err != nil {
		slog.Warn("the tokens of a chat are not counted for its key", "query", x.query.Namespace+"/"+x.query.Name, "err", err)
	}
}
