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
	// defaultLeaseNamespace has a Lease for each engine that shares its database, and leaseLabel tells
	// them from others.
	defaultLeaseNamespace = metav1.NamespaceSystem
	leaseLabel            = "ark.mckinsey.com/engine"
	// deadAfter is how long a Lease stays as it is before the others take its engine for dead, and
	// renewEvery how often it is renewed and the others are looked at. Both together, and what a busy
	// machine adds, are less than 15 s.
	deadAfter  = 8 * time.Second
	renewEvery = 2 * time.Second
	// buryAfter is when others remove the Lease of a dead engine.
	buryAfter = 2 * time.Minute
	// leaveTime bounds the removal of the own Lease.
	leaveTime = 2 * time.Second
	// stealAfter is how long a Query is left to the engine whose turn it is, before others may take
	// it, which have room.
	stealAfter = 2 * time.Second
)

// replicas says which engines are alive, and who is to take a Query. A nil one is an engine that is
// alone.
type replicas struct {
	engine   *Engine
	identity string
	lease    string
	// namespace is that of the Leases.
	namespace string
	// deadAfter is the constant, but for tests.
	deadAfter time.Duration

	mu     sync.Mutex
	joined bool
	// looked is when the Leases were last read.
	looked time.Time
	seen   map[string]sign
	// alive are the identities of the engines that are, this one included, in order.
	alive []string
	// theirs are Queries that others run, and later those that are left to others first.
	theirs map[types.UID]foreign
	later  map[types.UID]*time.Timer
}

// foreign is a Query that another engine runs, and when that was seen.
type foreign struct {
	query *v1alpha1.Query
	at    time.Time
}

// sign is the last sign of life of an engine, by this machine's clock: clocks of others do not
// count.
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

// run keeps the Lease and looks at those of the others, until the context ends; then it removes its
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

// join writes the Lease before the first Query is claimed: one whose engine has none is anybody's.
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

// leave removes the Lease, so that nobody waits for this engine.
func (r *replicas) leave(ctx context.Context) {
	r.mu.Lock()
	for uid, timer := range r.later {
		timer.Stop()
		delete(r.later, uid)
	}
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	_ = r.engine.options.Client.Core.CoordinationV1().Leases(r.namespace).Delete(ctx, r.lease, metav1.DeleteOptions{}) // it goes stale else
}

// look finds out who is alive, and takes up the Queries of those who are not.
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
	// While nobody could read the Leases nobody could renew them either: what they say counts from now
	// on.
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
		// One that was claimed since may be of an engine that has joined since.
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

// mine reports whether a Query that waits or runs is this engine's to take now. One that is not is
// remembered, and taken later if nobody else does.
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

// isOld reports whether an engine that is not among those alive has been there: one that has just
// started may have claimed a Query before this one has looked. The caller holds mu.
func (r *replicas) isOld(identity string) bool {
	last, known := r.seen[identity]
	return known && time.Since(last.at) >= r.deadAfter
}

// forget is called with a Query that has ended or is gone.
func (r *replicas) forget(uid types.UID) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.theirs, uid)
	r.stopTimer(uid)
}

// stopTimer is called by who holds mu.
func (r *replicas) stopTimer(uid types.UID) {
	if timer := r.later[uid]; timer != nil {
		timer.Stop()
		delete(r.later, uid)
	}
}

// turn returns the engine whose turn a Query is: the same for all who see the same engines alive,
// and as many for each. The caller holds mu.
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

// mix spreads the differences in the last bytes of what FNV has hashed over all bits.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
