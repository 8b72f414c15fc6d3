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

// Options say what server to start.
type Options struct {
	// Address is the IP address and port to listen on with TLS; port 0 picks a free one.
	Address string
	// Limits bound the connections of clients.
	Limits connections.Limits
	// Mode is Standalone or Aggregated, with the settings of that mode.
	Mode    Mode
	Storage StorageOptions
	// Peers say how the replicas of one database reach each other.
	Peers PeerOptions
	// MaxObjectAdvice is how a user can have an object larger than Storage.MaxObjectBytes, as a
	// clause with a verb.
	MaxObjectAdvice string
	// ModelURLs is the policy for the base URLs of models.
	ModelURLs rules.URLPolicy
	// TracingFile is a TracingConfiguration: where OpenTelemetry spans go, and of how
	// many requests; "" for none.
	TracingFile string
	// Off are the hooks into the stock server to do without.
	Off hooks.Off
	// Engine executes Queries in the process; nil leaves them to others.
	Engine *EngineOptions
	// EngineUser is the user of engines in processes of their own, whose claims of Queries are stored;
	// "" for none.
	EngineUser string
	// Chat serves OpenAI's API and the broker of streams.
	Chat ChatOptions
	// Console serves the web console.
	Console ConsoleOptions
	// History keeps old versions of objects; for a database.
	History bool
	// HistoryChain makes the history's versions links of a hash chain, whose head is told every
	// minute.
	HistoryChain bool
	// ReadModel is the copy of the objects for SQL; there is none with Etcd.
	ReadModel ReadModelOptions
	// PGListen is where PostgreSQL's protocol is served over the read model; "" for nowhere.
	PGListen string
	// Explain returns an error with what to do about it, for clients to read; nil for the error as it
	// is.
	Explain func(error) error
	// NoReport is what who asks for a report of the storage is told where it is an external etcd.
	NoReport string
	// Verbosity tells the detail of the log, and SetVerbosity changes it.
	Verbosity    func() int
	SetVerbosity func(string) error
}

// PeerOptions say where a replica listens for the others, as host:port, and at which address they
// reach it, "" for the same; without a Listen there are no others.
type PeerOptions struct{ Listen, Address string }

// Kind is what keeps the data.
type Kind string

// The kinds of storage. All but Etcd have our own endpoint on a database.
const (
	SQLite     Kind = "sqlite"
	PostgreSQL Kind = "postgresql"
	MySQL      Kind = "mysql"
	Etcd       Kind = "etcd"
)

// OnServer reports whether the storage is a database server's.
func (k Kind) OnServer() bool { return k == PostgreSQL || k == MySQL }

// StorageOptions say where the data is, and how it is kept.
type StorageOptions struct {
	Kind Kind

	// Path is the file of an SQLite database; made if missing.
	Path string
	// Relaxed and SecondMark are those of sqlite.Options.
	Relaxed    bool
	SecondMark string

	// Database is the one on a database server.
	Database database.Config
	// NoMigrate leaves its tables as they are, and Wait is how long it may take to answer.
	NoMigrate bool
	Wait      time.Duration
	// MarkFolder is where the mark of a database server is, "" for none. MarkFolderMade says that it
	// must be there; otherwise somebody else makes it.
	MarkFolder     string
	MarkFolderMade bool

	// AcceptDataLoss, if not nil, is the store that may lack data and is opened nevertheless.
	AcceptDataLoss *mark.StoreID

	// Etcd is the external etcd of kind Etcd.
	Etcd EtcdOptions
	// Endpoint serves the etcd protocol to others, too.
	Endpoint EndpointOptions

	// TakesOver says that clients of a cluster's etcd come over to a database: a new one then begins
	// far above their revisions.
	TakesOver bool
	// CompactionInterval is how long old revisions stay readable, at least; 0 for always.
	CompactionInterval time.Duration
	// MaxObjectBytes is about the largest object that is taken.
	MaxObjectBytes int
}

// EtcdOptions say where an external etcd is: URLs, and PEM files, which may be "".
type EtcdOptions struct {
	Servers                   []string
	CAFile, CertFile, KeyFile string
}

// EndpointOptions say where the etcd protocol is served.
type EndpointOptions struct {
	// Address is unix:///path or tcp://host:port; "" for nowhere.
	Address string
	// CertFile and KeyFile hold the certificate to serve with as PEM, and ClientCAFile the authority
	// whose client certificates are demanded; "" for none.
	CertFile, KeyFile, ClientCAFile string
}

// Shared reports whether other servers may use the same storage.
func (o StorageOptions) Shared() bool { return o.Kind != SQLite }

// Summary names the storage in words, for people.
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
