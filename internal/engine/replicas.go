package engine

import (
	"context"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/mckinsey/ark-server/internal/apis/ark/v1alpha1"
)

const (
	// defaultLeaseNamespace has a Lease for each engine that shares its database, and leaseLabel marks
	// these Leases.
	defaultLeaseNamespace = metav1.NamespaceSystem
	leaseLabel            = "ark.mckinsey.com/engine"
	// deadAfter is how long a Lease stays unchanged before the other engines consider its engine dead,
	// and renewEvery is how often an engine renews its Lease and reads the others. Both together, plus
	// the delay of a busy machine, are less than 15 s.
	deadAfter  = 8 * time.Second
	renewEvery = 2 * time.Second
	// buryAfter is when other engines delete the Lease of a dead engine.
	buryAfter = 2 * time.Minute
	// leaveTime bounds the deletion of the engine's own Lease.
	leaveTime = 2 * time.Second
	// stealAfter is how long a Query is reserved for the engine whose turn it is, before others with
	// free slots may take it.
	stealAfter = 2 * time.Second
)

// replicas determines which engines are alive, and which one takes a Query. A nil *replicas is an
// engine that does not share its database.
type replicas struct {
	engine   *Engine
	identity string
	lease    string
	// namespace is the namespace of the Leases.
	namespace string
	// deadAfter is the constant, except in tests.
	deadAfter time.Duration

	mu     sync.Mutex
	joined bool
	// looked is when the Leases were last read.
	looked time.Time
	seen   map[string]sign
	// alive are the identities of the live engines, including this one, sorted.
	alive []string
	// theirs are Queries that other engines run, and later those that are reserved for others first.
	theirs map[types.UID]foreign
	later  map[types.UID]*time.Timer
}

// foreign is a Query that another engine runs, and when that was observed.
type foreign struct {
	query *v1alpha1.Query
	at    time.Time
}

// sign is the last renewal of an engine, by this machine's clock: other clocks are not used.
type sign struct {
	version string
	at      time.Time
}

func newReplicas(e *Engine, identity string) *replicas {
	return &replicas{
		engine: e, identity: identity, deadAfter: deadAfter, namespace: defaultLeaseNamespace, lease: "ark-engine-" + strings.ToLower(identity),
		seen: map[string]sign{}, theirs: map[types.UID]foreign{}, later: map[types.UID]*time.Timer{},
	}
}

// run renews the Lease and reads those of the others, until the context ends; then it deletes its
// own.
func (r *replicas) run(ctx context.Context) {
	defer r.leave(ctx)
	for {
		err := r.renew(ctx)
		if err == nil {
			err = r.look(ctx)
		}
		if err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "The engine cannot tell others that it is alive; trying again: they may take its queries", "lease", r.lease)
		}
		if !pause(ctx, renewEvery) {
			return
		}
	}
}

// join writes the Lease before the first Query is claimed: a Query whose engine has no Lease may be
// taken by any engine.
func (r *replicas) join(ctx context.Context) bool {
	for {
		err := r.renew(ctx)
		if err == nil {
			err = r.look(ctx)
		}
		if err == nil {
			return true
		}
		if ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "The engine cannot tell others that it is alive; trying again", "lease", r.lease)
		}
		if !pause(ctx, followRetry) {
			return false
		}
	}
}

func (r *replicas) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deadAfter)
	defer cancel()
	leases := r.engine.options.Client.Core.CoordinationV1().Leases(r.namespace)
	now, seconds := metav1.NowMicro(), int32(deadAfter/time.Second)
	lease, err := leases.Get(ctx, r.lease, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = leases.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: r.lease, Labels: map[string]string{leaseLabel: "true"}},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &r.identity, LeaseDurationSeconds: &seconds, AcquireTime: &now, RenewTime: &now},
		}, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec.RenewTime = &now
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

// leave deletes the Lease, so that no other engine waits for it to expire.
func (r *replicas) leave(ctx context.Context) {
	r.mu.Lock()
	for uid, timer := range r.later {
		timer.Stop()
		delete(r.later, uid)
	}
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	_ = r.engine.options.Client.Core.CoordinationV1().Leases(r.namespace).Delete(ctx, r.lease, metav1.DeleteOptions{}) // otherwise it expires
}

// look determines which engines are alive, and takes over the Queries of the others.
func (r *replicas) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deadAfter)
	defer cancel()
	leases := r.engine.options.Client.Core.CoordinationV1().Leases(r.namespace)
	began := time.Now()
	list, err := leases.List(ctx, metav1.ListOptions{LabelSelector: leaseLabel})
	if err != nil {
		return err
	}
	now := time.Now()
	alive := []string{r.identity}
	var buried []coordinationv1.Lease
	r.mu.Lock()
	// If this engine could not read the Leases, the others could not renew theirs either, so their age
	// counts from now.
	blind := now.Sub(r.looked) >= r.deadAfter/2
	r.looked = now
	seen := map[string]sign{}
	for _, lease := range list.Items {
		if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == r.identity {
			continue
		}
		id := *lease.Spec.HolderIdentity
		last, known := r.seen[id]
		if !known || blind || last.version != lease.ResourceVersion {
			last = sign{lease.ResourceVersion, now}
		}
		seen[id] = last
		if now.Sub(last.at) < r.deadAfter {
			alive = append(alive, id)
		} else if now.Sub(last.at) > buryAfter {
			buried = append(buried, lease)
		}
	}
	slices.Sort(alive)
	r.seen, r.alive, r.joined = seen, alive, true
	var orphans []*v1alpha1.Query
	for uid, f := range r.theirs {
		// A Query that was claimed after the list began may belong to an engine that joined after it.
		if f.at.Before(began) && !slices.Contains(alive, f.query.Annotations[annotationEngine]) {
			orphans = append(orphans, f.query)
			delete(r.theirs, uid)
		}
	}
	r.mu.Unlock()
	for _, q := range orphans {
		log(q).Info("The engine takes up a query whose engine has ended", "engine", q.Annotations[annotationEngine])
		r.engine.queue.add(q)
	}
	for _, lease := range buried {
		precondition := metav1.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion}
		if err := leases.Delete(ctx, lease.Name, metav1.DeleteOptions{Preconditions: &precondition}); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return err
		}
	}
	return nil
}

// leads reports whether this engine is the one that keeps statuses.
func (r *replicas) leads() bool {
	if r == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.joined && r.alive[0] == r.identity
}

// mine reports whether this engine may take a Query that waits or runs now. Otherwise the Query is
// remembered, and taken later if no other engine takes it.
func (r *replicas) mine(q *v1alpha1.Query) bool {
	if r == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if phaseOf(q) == v1alpha1.QueryRunning {
		r.stopTimer(q.UID)
		by := q.Annotations[annotationEngine]
		if by == r.identity || !slices.Contains(r.alive, by) && r.isOld(by) {
			delete(r.theirs, q.UID)
			return true
		}
		r.theirs[q.UID] = foreign{q, time.Now()}
		return false
	}
	if r.turn(q.UID) == r.identity {
		return true
	}
	if r.later[q.UID] == nil {
		r.later[q.UID] = time.AfterFunc(stealAfter, func() {
			r.mu.Lock()
			_, waits := r.later[q.UID]
			delete(r.later, q.UID)
			r.mu.Unlock()
			if waits {
				r.engine.queue.add(q)
			}
		})
	}
	return false
}

// isOld reports whether an engine's Lease was seen before and has been unchanged for deadAfter. An
// engine without a known Lease may have just started, and may have claimed a Query before this
// engine has read its Lease. The caller holds mu.
func (r *replicas) isOld(identity string) bool {
	last, known := r.seen[identity]
	return known && time.Since(last.at) >= r.deadAfter
}

// forget is called with a Query that has ended or was deleted.
func (r *replicas) forget(uid types.UID) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.theirs, uid)
	r.stopTimer(uid)
}

// stopTimer requires that the caller holds mu.
func (r *replicas) stopTimer(uid types.UID) {
	if timer := r.later[uid]; timer != nil {
		timer.Stop()
		delete(r.later, uid)
	}
}

// turn returns the engine whose turn a Query is. All engines that see the same live engines compute
// the same result, and each engine gets about as many Queries. The caller holds mu.
func (r *replicas) turn(uid types.UID) string {
	best, most := r.identity, uint64(0)
	for _, id := range r.alive {
		h := fnv.New64a()
		_, _ = h.Write([]byte(string(uid) + "/" + id)) // it never fails
		if weight := mix(h.Sum64()); weight >= most {
			best, most = id, weight
		}
	}
	return best
}

// mix spreads the differences in the last bytes of an FNV hash's input over all bits.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
