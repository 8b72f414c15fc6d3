package operation

import (
	"time"

	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/mvcc"
)

// Report is what /debug/store answers. Its fields are for people; they may change with
// any release.
type Report struct {
	Build    Build    `json:"build"`
	Storage  string   `json:"storage"`
	Revision Revision `json:"revision"`
	Replica  Replica  `json:"replica"`
	// Keys is the number of live keys, LogRows an upper estimate of the rows in the log, Queue the
	// number of writes that wait.
	Writes Outage `json:"writes"`
	// SideWrites is the outage of committing rows of side tables.
	SideWrites Outage             `json:"sideWrites"`
	Reads      Outage             `json:"reads"`
	Keys       int                `json:"keys"`
	LogRows    int64              `json:"logRows"`
	Queue      int                `json:"queue"`
	Commits    Commits            `json:"commits"`
	Pools      []Pool             `json:"pools"`
	Leases     Leases             `json:"leases"`
	Watches    Watches            `json:"watches"`
	Requests   map[string]Results `json:"requests"`
}

// Outage says whether the database does one kind of work, and what its last failure was.
type Outage struct {
	Working  bool       `json:"working"`
	Since    *time.Time `json:"failingSince,omitempty"`
	Failures int64      `json:"failures"`
	// LastError is in the database's words; it stays after the outage has ended.
	LastError string     `json:"lastError,omitempty"`
	LastAt    *time.Time `json:"lastErrorAt,omitempty"`
}

func newOutage(o mvcc.Outage) Outage {
	r := Outage{Working: o.Since.IsZero(), Failures: o.Failures, LastError: o.LastError}
	if !r.Working {
		r.Since = &o.Since
	}
	if o.LastError != "" {
		r.LastAt = &o.LastAt
	}
	return r
}

// Build says what runs, and since when.
type Build struct {
	Version    string    `json:"version"`
	Kubernetes string    `json:"kubernetes"`
	Commit     string    `json:"commit,omitempty"`
	Started    time.Time `json:"started"`
	PID        int       `json:"pid"`
}

// Revision is where the log is: what this replica shows, what is known to have been
// committed, below what nothing can be read, and up to what rows are gone.
type Revision struct {
	Shown     int64 `json:"shown"`
	Newest    int64 `json:"newest"`
	Compacted int64 `json:"compacted"`
	Pruned    int64 `json:"pruned"`
}

// Replica is this process among those that share the database.
type Replica struct {
	Shared     bool    `json:"shared"`
	Maintainer bool    `json:"maintainer"`
	Behind     float64 `json:"behindSeconds"`
	Reloads    int64   `json:"reloads"`
	Looks      int64   `json:"looks"`
	Failed     int64   `json:"looksFailed"`
	// Peers are missing where the replicas do not call each other.
	Peers *Peers `json:"peers,omitempty"`
}

// Peers are the replicas that can call each other. Self is missing while the others cannot call
// this one.
type Peers struct {
	Self   *Peer  `json:"self,omitempty"`
	Others []Peer `json:"others"`
}

// Peer is one of them.
type Peer struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"`
	Address string    `json:"address"`
	Joined  time.Time `json:"joined"`
}

// Commits are those with an unknown outcome.
type Commits struct {
	InDoubt bool  `json:"inDoubt"`
	Landed  int64 `json:"unknownLanded"`
	Lost    int64 `json:"unknownLost"`
}

// Pool is a set of connections to the database.
type Pool struct {
	Name   string  `json:"name"`
	Max    int     `json:"max"`
	Open   int     `json:"open"`
	InUse  int     `json:"inUse"`
	Idle   int     `json:"idle"`
	Opened *int64  `json:"opened,omitempty"`
	Waits  int64   `json:"waits"`
	Waited float64 `json:"waitedSeconds"`
}

// Leases are all leases, of which those that end first are listed.
type Leases struct {
	Count int     `json:"count"`
	Next  []Lease `json:"next"`
}

// Lease is one lease.
type Lease struct {
	ID   int64   `json:"id"`
	TTL  int64   `json:"ttlSeconds"`
	Left float64 `json:"leftSeconds"`
	Keys int     `json:"keys"`
}

// Watches are what the storage serves to the API server's caches and to etcd clients.
type Watches struct {
	EventsSent int64   `json:"eventsSent"`
	LogReads   int64   `json:"logReads"`
	Retries    int64   `json:"retries"`
	Compacted  int64   `json:"endedCompacted"`
	Open       []Watch `json:"open"`
}

// Watch is one of them.
type Watch struct {
	Key string `json:"key"`
	End string `json:"end,omitempty"`
	// Revision is how far it has come, Lag how far that is from what the replica shows,
	// Known what the client has been told of.
	Revision int64 `json:"revision"`
	Lag      int64 `json:"lag"`
	Known    int64 `json:"known"`
}

// Results are numbers of requests by gRPC code.
type Results map[string]int64

// listedLeases is how many leases a report lists.
const listedLeases = 20

// NewReport describes a store and its endpoint as they are now.
func NewReport(build Build, storage string, store *mvcc.Store, endpoint *etcdserver.Server) Report {
	st, ep := store.Stats(), endpoint.Stats()
	r := Report{
		Build: build, Storage: storage,
		Revision: Revision{Shown: st.Revision, Newest: st.Newest, Compacted: st.Compacted, Pruned: st.Pruned},
		Replica: Replica{
			Shared: st.Shared, Maintainer: st.Maintains, Behind: st.Behind.Seconds(),
			Reloads: st.Reloads, Looks: st.Looks, Failed: st.FailedLooks,
		},
		Writes: newOutage(st.Writes), SideWrites: newOutage(st.SideWrites), Reads: newOutage(st.Reads),
		Keys: st.Keys, LogRows: st.LogRows(), Queue: st.Queue,
		Commits:  Commits{InDoubt: st.Doubt, Landed: st.Landed, Lost: st.Lost},
		Pools:    []Pool{},
		Leases:   Leases{Count: st.Leases, Next: nextLeases(store)},
		Watches:  Watches{EventsSent: ep.Events, LogReads: st.LogReads, Retries: ep.Retries, Compacted: ep.Compacted, Open: []Watch{}},
		Requests: map[string]Results{},
	}
	for _, p := range st.Pools {
		pool := Pool{Name: p.Name, Max: p.Max, Open: p.Open, InUse: p.InUse, Idle: p.Idle, Waits: p.Waits, Waited: p.WaitTime.Seconds()}
		if p.Opened >= 0 {
			pool.Opened = &p.Opened
		}
		r.Pools = append(r.Pools, pool)
	}
	for _, w := range ep.Watchers {
		r.Watches.Open = append(r.Watches.Open, Watch{
			Key: w.Key, End: w.End, Revision: w.Revision, Lag: max(0, st.Revision-w.Revision), Known: w.Known,
		})
	}
	for _, q := range ep.Requests {
		if r.Requests[q.Method] == nil {
			r.Requests[q.Method] = Results{}
		}
		r.Requests[q.Method][q.Code.String()] = q.Count
	}
	return r
}

func nextLeases(store *mvcc.Store) []Lease {
	now := store.Now()
	leases := []Lease{}
	for _, l := range store.NextLeases(listedLeases) {
		leases = append(leases, Lease{ID: int64(l.ID), TTL: l.TTL, Left: l.Deadline.Sub(now).Seconds(), Keys: len(l.Keys)})
	}
	return leases
}
