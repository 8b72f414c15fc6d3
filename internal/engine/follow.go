package engine

import (
	"context"
	"fmt"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

const (
	// page is how many Queries are in memory at a time while they are listed, because very many may
	// have ended.
	page = 500
	// followRetry is the pause after a list or a watch has failed, or a watch has ended without an
	// event.
	followRetry = time.Second
)

// follow lists and watches Queries until the context ends. It caches none of them.
func (e *Engine) follow(ctx context.Context) {
	known := map[types.UID]bool{}
	for ctx.Err() == nil {
		version, err := e.list(ctx, known)
		if err == nil {
			err = e.watch(ctx, version, known)
		}
		if err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Failed to follow the queries; trying again")
		}
		if !pause(ctx, followRetry) {
			return
		}
	}
}

// listed records that all states up to a version have been observed.
func (e *Engine) listed(version string) {
	n, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return
	}
	e.following.Lock()
	defer e.following.Unlock()
	e.followed = max(e.followed, n)
}

// show observes a state of a Query from the list or the watch.
func (e *Engine) show(ctx context.Context, q *v1alpha1.Query) {
	e.following.Lock()
	defer e.following.Unlock()
	e.followed = max(e.followed, versionOf(q))
	e.observe(ctx, q)
}

// Offer starts a Query that was just stored, without waiting for the watch. It does nothing if the
// watch has already delivered the Query, or while another state is being observed: the watch
// delivers the Query soon in any case. It is safe for concurrent use.
func (e *Engine) Offer(ctx context.Context, q *v1alpha1.Query) {
	if q.DeletionTimestamp != nil || !e.following.TryLock() {
		return
	}
	defer e.following.Unlock()
	// Before the first list, a Query that ended long ago could be offered.
	if e.followed != 0 && versionOf(q) > e.followed {
		e.observe(ctx, q.DeepCopy())
	}
}

// list observes all Queries, and forgets the known ones that were deleted. It returns the version
// to watch from.
func (e *Engine) list(ctx context.Context, known map[types.UID]bool) (string, error) {
	seen := map[types.UID]bool{}
	options := metav1.ListOptions{Limit: page}
	for {
		list := &v1alpha1.QueryList{}
		err := e.options.Client.Ark(v1alpha1.SchemeGroupVersion).Get().Resource("queries").VersionedParams(&options, metav1.ParameterCodec).Do(ctx).Into(list)
		if apierrors.IsResourceExpired(err) && options.Continue != "" {
			options.Continue = ""
			continue
		}
		if err != nil {
			return "", fmt.Errorf("list the queries: %w", err)
		}
		for i := range list.Items {
			seen[list.Items[i].UID] = true
			e.show(ctx, &list.Items[i])
		}
		if options.Continue = list.Continue; options.Continue == "" {
			for uid := range known {
				if !seen[uid] {
					delete(known, uid)
					e.forget(uid)
				}
			}
			for uid := range seen {
				known[uid] = true
			}
			e.listed(list.ResourceVersion)
			return list.ResourceVersion, nil
		}
	}
}

// watch observes changes until a new list is needed. The server ends watches that are too slow,
// especially under load: the next watch then continues immediately from the same version.
func (e *Engine) watch(ctx context.Context, version string, known map[types.UID]bool) error {
	for ctx.Err() == nil {
		last, err := e.watchOnce(ctx, version, known)
		switch {
		case apierrors.IsResourceExpired(err), apierrors.IsGone(err):
			return nil // the caller has to list again
		case err != nil && last == version:
			return fmt.Errorf("watch the queries: %w", err)
		case last == version:
			if !pause(ctx, followRetry) {
				return nil
			}
		}
		version = last
	}
	return nil
}

// watchOnce observes the changes of one watch, and returns the version of the last one.
func (e *Engine) watchOnce(ctx context.Context, version string, known map[types.UID]bool) (string, error) {
	options := metav1.ListOptions{Watch: true, AllowWatchBookmarks: true, ResourceVersion: version}
	watcher, err := e.options.Client.Ark(v1alpha1.SchemeGroupVersion).Get().Resource("queries").VersionedParams(&options, metav1.ParameterCodec).Watch(ctx)
	if err != nil {
		return version, err
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		q, isQuery := event.Object.(*v1alpha1.Query)
		switch {
		case event.Type == watch.Error:
			return version, apierrors.FromObject(event.Object)
		case !isQuery:
			continue
		case event.Type == watch.Bookmark:
		case event.Type == watch.Deleted:
			delete(known, q.UID)
			e.forget(q.UID)
		default:
			known[q.UID] = true
			e.show(ctx, q)
		}
		version = q.ResourceVersion
	}
	return version, nil
}
