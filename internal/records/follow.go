package records

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/mckinsey/ark-server/internal/apis/records"
	"github.com/mckinsey/ark-server/internal/apis/records/v1alpha1"
	"github.com/mckinsey/ark-server/internal/history"
)

// followPause is the polling interval of a followed list.
const followPause = 500 * time.Millisecond

// follows reports whether a request follows new revisions.
func follows(r *http.Request) bool { return r.URL.Query().Get("follow") == "true" }

// LongRunning reports whether a request may run as long as its sender wants.
func LongRunning(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/apis/"+records.GroupName+"/") && strings.HasSuffix(r.URL.Path, "/revisions") && follows(r)
}

// follow sends the revisions of a list as they are made, one JSON object per line, the oldest
// first: with since those from that time on, otherwise only new ones. It is for people: it cannot
// be resumed, and discovery has no watch.
func (g *Group) follow(w http.ResponseWriter, r *http.Request, namespace string) {
	if err := g.sendFollowed(request.WithNamespace(r.Context(), namespace), w, r); err != nil {
		responsewriters.ErrorNegotiated(g.asStatus(err), g.codecs, v1alpha1.SchemeGroupVersion, w, r)
	}
}

// sendFollowed returns an error only if it has not sent anything.
func (g *Group) sendFollowed(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	asked := r.URL.Query()
	for _, name := range []string{"limit", "continue", "watch", "until", "asOf"} {
		if asked.Has(name) {
			return badParameter(name, asked.Get(name), "follow=true does not go with it")
		}
	}
	byField, err := fields.ParseSelector(asked.Get("fieldSelector"))
	if err != nil {
		return badParameter("fieldSelector", asked.Get("fieldSelector"), err.Error())
	}
	for _, term := range byField.Requirements() {
		if _, _, err := v1alpha1.SelectVersions(term.Field, term.Value); err != nil {
			return badParameter("fieldSelector", term.Field, err.Error())
		}
	}
	byLabel, err := labels.Parse(asked.Get("labelSelector"))
	if err != nil {
		return badParameter("labelSelector", asked.Get("labelSelector"), err.Error())
	}
	q, match, err := g.selected(ctx, byField, byLabel)
	if err != nil {
		return err
	}
	if q.Since, err = timeOf("since", asked.Get("since")); err != nil {
		return err
	}
	q.OldestFirst = true
	if q.Since.IsZero() {
		now, err := g.reader.List(ctx, history.Query{Limit: 1})
		if err != nil {
			return err
		}
		q.From = max(q.From, now.Revision+1)
	}
	stream := &followed{w: w}
	for {
		found, err := g.list(ctx, q, pageLimit, match)
		switch {
		case err != nil && !stream.begun:
			return err
		case ctx.Err() != nil:
			return nil
		case err != nil:
			stream.send(g.statusOf(err))
			return nil
		}
		stream.begin()
		for _, v := range found.versions {
			if !stream.send(g.kinds.revision(v)) {
				return nil
			}
		}
		stream.flush()
		if q.Continue = found.next; q.Continue != "" {
			continue
		}
		// New revisions are after the revision that the list covers.
		q.From, q.Since = max(q.From, found.revision+1), time.Time{}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followPause):
		}
	}
}

// statusOf returns an error as the last line of a stream.
func (g *Group) statusOf(err error) any {
	if status, ok := g.asStatus(err).(apierrors.APIStatus); ok {
		return status.Status()
	}
	return apierrors.NewInternalError(err).Status()
}

// followed is the response to a request that follows.
type followed struct {
	w     http.ResponseWriter
	begun bool
}

func (f *followed) begin() {
	if !f.begun {
		f.begun = true
		f.w.Header().Set("Content-Type", "application/x-ndjson")
		f.w.Header().Set("Cache-Control", "no-cache")
		f.w.WriteHeader(http.StatusOK)
	}
}

// send sends a line, and returns false if the client is gone.
func (f *followed) send(value any) bool { return json.NewEncoder(f.w).Encode(value) == nil }

func (f *followed) flush() {
	_ = http.NewResponseController(f.w).Flush() // a disconnected client ends the context
}
