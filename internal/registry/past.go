package registry

import (
	"context"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/mckinsey/ark-server/internal/apis/ark/install"
)

// Past has what objects were. Its errors are those of the API. It sees to it that the sender of the
// request may see the past.
type Past interface {
	// RevisionAt returns the newest revision at a time.
	RevisionAt(ctx context.Context, t time.Time) (int64, error)
	// List returns objects of a kind as they were at a revision, at most limit, by namespace and name;
	// in all namespaces with "". next continues the list, and is "" at its end.
	List(ctx context.Context, kind install.Kind, namespace string, revision int64, limit int, cont string) (objects []PastObject, at int64, next string, err error)
	// Get returns an object as it was at a revision.
	Get(ctx context.Context, kind install.Kind, namespace, name string, revision int64) (PastObject, error)
}

// PastObject is an object as it was stored, and the revision that had written it.
type PastObject struct {
	JSON     []byte
	Revision int64
}

type asOfKey struct{}

// WithAsOf has the list or get in this context answered as of a time or a resourceVersion, as the
// parameter asOf of a request gives it.
func WithAsOf(ctx context.Context, t string) context.Context {
	return context.WithValue(ctx, asOfKey{}, t)
}

func asOfFrom(ctx context.Context) string {
	text, _ := ctx.Value(asOfKey{}).(string)
	return text
}

// pastPage is how many objects are read at a time.
const pastPage = 500

// revisionOf reads the time or the resourceVersion that a request wants the past of.
func (r *REST) revisionOf(ctx context.Context, text string) (int64, error) {
	if revision, err := strconv.ParseInt(text, 10, 64); err == nil && revision > 0 {
		newest, err := r.past.RevisionAt(ctx, time.Now())
		if err == nil && revision > newest {
			err = apierrors.NewBadRequest("asOf=" + text + " is in the future: the newest resourceVersion is " + strconv.FormatInt(newest, 10))
		}
		return revision, err
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, apierrors.NewBadRequest("asOf=" + text + " is neither a time, such as 2026-11-30T12:00:00Z, nor a resourceVersion")
	}
	if time.Until(t) > time.Second {
		return 0, apierrors.NewBadRequest("asOf=" + text + " is in the future")
	}
	return r.past.RevisionAt(ctx, t)
}

// list lists objects as they are, or as they were where the request says so.
func (r *REST) list(ctx context.Context, options *internalversion.ListOptions) (runtime.Object, error) {
	text := asOfFrom(ctx)
	if text == "" {
		return r.Store.List(ctx, options)
	}
	if r.past == nil {
		return nil, apierrors.NewBadRequest("asOf: this server has no history")
	}
	if options != nil && options.ResourceVersion != "" {
		return nil, apierrors.NewBadRequest("asOf cannot be combined with resourceVersion")
	}
	revision, err := r.revisionOf(ctx, text)
	if err != nil {
		return nil, err
	}
	return r.listPast(ctx, options, revision)
}

func (r *REST) listPast(ctx context.Context, options *internalversion.ListOptions, revision int64) (runtime.Object, error) {
	if options == nil {
		options = &internalversion.ListOptions{}
	}
	byLabel, byField := options.LabelSelector, options.FieldSelector
	if byLabel == nil {
		byLabel = labels.Everything()
	}
	if byField == nil {
		byField = fields.Everything()
	}
	wanted := r.Store.PredicateFunc(byLabel, byField)
	list := r.Store.NewListFunc()
	found := []runtime.Object{}
	cont, limit := options.Continue, int(options.Limit)
	for {
		size := pastPage
		if limit > 0 {
			size = min(size, limit-len(found))
		}
		objects, at, next, err := r.past.List(ctx, r.kind.Kind, request.NamespaceValue(ctx), revision, size, cont)
		if err != nil {
			return nil, err
		}
		revision, cont = at, next
		for _, o := range objects {
			obj, err := r.decodePast(o)
			if err != nil {
				return nil, err
			}
			if ok, err := wanted.Matches(obj); err != nil {
				return nil, apierrors.NewInternalError(err)
			} else if ok {
				found = append(found, obj)
			}
		}
		if cont == "" || limit > 0 && len(found) >= limit {
			break
		}
	}
	if err := meta.SetList(list, found); err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	return list, r.Store.Storage.Versioner().UpdateList(list, uint64(revision), cont, nil)
}

func (r *REST) decodePast(o PastObject) (runtime.Object, error) {
	obj, err := runtime.Decode(r.Store.Storage.Codec, o.JSON)
	if err == nil {
		err = r.Store.Storage.Versioner().UpdateObject(obj, uint64(o.Revision))
	}
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	return obj, nil
}

// Get implements rest.Getter.
func (r *REST) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	text := asOfFrom(ctx)
	if text == "" {
		return r.Store.Get(ctx, name, options)
	}
	if r.past == nil {
		return nil, apierrors.NewBadRequest("asOf: this server has no history")
	}
	revision, err := r.revisionOf(ctx, text)
	if err != nil {
		return nil, err
	}
	found, err := r.past.Get(ctx, r.kind.Kind, request.NamespaceValue(ctx), name, revision)
	if err != nil {
		return nil, err
	}
	return r.decodePast(found)
}
