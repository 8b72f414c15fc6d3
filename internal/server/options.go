package server

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/apis/ark/rules"
	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/connections"
	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
)

// Options configure a server.
type Options struct {
	// Address is the IP address and port to listen on with TLS; port 0 picks a free one.
	Address string
	// Limits bound the connections of clients.
	Limits connections.Limits
	// Mode is Standalone or Aggregated, with the settings of that mode.
	Mode    Mode
	Storage StorageOptions
	// Peers configure how the replicas of one database reach each other.
	Peers PeerOptions
	// MaxObjectAdvice describes how a user can store an object larger than Storage.MaxObjectBytes, as
	// a clause with a verb.
	MaxObjectAdvice string
	// ModelURLs is the policy for the base URLs of models.
	ModelURLs rules.URLPolicy
	// TracingFile is a TracingConfiguration, which sets where OpenTelemetry spans are sent, and for
	// how many requests; "" for none.
	TracingFile string
	// Off selects the hooks into the standard API server to disable.
	Off hooks.Off
	// Engine configures the engine in this process; nil leaves Queries to other engines.
	Engine *EngineOptions
	// EngineUser is the user of engines in separate processes, whose claims of Queries are stored; ""
	// for none.
	EngineUser string
	// Chat configures OpenAI's API and the broker of streams.
	Chat ChatOptions
	// Console configures the web console.
	Console ConsoleOptions
	// History keeps old versions of objects; it requires a database.
	History bool
	// HistoryChain makes the history's versions links of a hash chain, whose head is published every
	// minute.
	HistoryChain bool
	// ReadModel is the copy of the objects for SQL; it is not available with Etcd.
	ReadModel ReadModelOptions
	// PGListen is the address at which the read model is served with PostgreSQL's protocol; "" for
	// none.
	PGListen string
	// Explain adds the remedy to an error, for clients to read; nil leaves errors unchanged.
	Explain func(error) error
	// NoReport is the answer to a request for a report of the storage if it is an external etcd.
	NoReport string
	// Verbosity returns the verbosity of the log, and SetVerbosity changes it.
	Verbosity    func() int
	SetVerbosity func(string) error
}

// PeerOptions configure the address at which a replica listens for the others, as host:port, and
// the address at which they reach it, "" for the same; without Listen there are no other replicas.
type PeerOptions struct{ Listen, Address string }

// Kind is the kind of the storage.
type Kind string

// The kinds of storage. All except Etcd run our own endpoint on a database.
const (
	SQLite     Kind = "sqlite"
	PostgreSQL Kind = "postgresql"
	MySQL      Kind = "mysql"
	Etcd       Kind = "etcd"
)

// OnServer reports whether the storage is a database server's.
func (k Kind) OnServer() bool { return k == PostgreSQL || k == MySQL }

// StorageOptions configure the storage.
type StorageOptions struct {
	Kind Kind

	// Path is the file of an SQLite database, which is created if it is missing.
	Path string
	// Relaxed and SecondMark are those of sqlite.Options.
	Relaxed    bool
	SecondMark string

	// Database configures the database on a database server.
	Database database.Config
	// NoMigrate leaves its tables unchanged, and Wait is how long it may take to answer.
	NoMigrate bool
	Wait      time.Duration
	// MarkFolder is the folder of a database server's mark, "" for none. MarkFolderMade requires that
	// it exists; otherwise another program creates it.
	MarkFolder     string
	MarkFolderMade bool

	// AcceptDataLoss, if not nil, is the id of the store that is opened although it may lack data.
	AcceptDataLoss *mark.StoreID

	// Etcd is the external etcd of kind Etcd.
	Etcd EtcdOptions
	// Endpoint also serves the etcd protocol to other clients.
	Endpoint EndpointOptions

	// TakesOver is true if clients of a cluster's etcd move to a database: a new one then begins far
	// above their revisions.
	TakesOver bool
	// CompactionInterval is how long old revisions stay readable at least; 0 means that they always
	// do.
	CompactionInterval time.Duration
	// MaxObjectBytes is the approximate size of the largest object that is accepted.
	MaxObjectBytes int
}

// EtcdOptions configure the connection to an external etcd: URLs, and PEM files, which may be "".
type EtcdOptions struct {
	Servers                   []string
	CAFile, CertFile, KeyFile string
}

// EndpointOptions configure the endpoint of the etcd protocol.
type EndpointOptions struct {
	// Address is unix:///path or tcp://host:port; "" for none.
	Address string
	// CertFile and KeyFile are the serving certificate as PEM, and ClientCAFile the authority of the
	// client certificates that are required; "" for none.
	CertFile, KeyFile, ClientCAFile string
}

// Shared reports whether other servers may use the same storage.
func (o StorageOptions) Shared() bool { return o.Kind != SQLite }

// Summary describes the storage for people.
func (o StorageOptions) Summary() string {
	switch {
	case o.Kind == Etcd:
		return "etcd at " + strings.Join(o.Etcd.Servers, ", ")
	case o.Kind == SQLite:
		return "sqlite in " + o.Path
	case o.Database.DSNFile != "":
		return string(o.Kind) + " as in " + o.Database.DSNFile
	}
	address := o.Database.Host
	switch {
	case o.Database.Port != 0 && filepath.IsAbs(address):
		address = filepath.Join(address, strconv.Itoa(o.Database.Port))
	case o.Database.Port != 0:
		address = net.JoinHostPort(address, strconv.Itoa(o.Database.Port))
	}
	return fmt.Sprintf("%s at %s, database %s", o.Kind, address, o.Database.Name)
}
