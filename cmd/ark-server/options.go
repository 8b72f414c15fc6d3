package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	genericoptions "k8s.io/apiserver/pkg/server/options"

	"github.com/mckinsey/ark-server/internal/apiserver/hooks"
	"github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/server"
	"github.com/mckinsey/ark-server/internal/standalone"
)

// options are the values of the flags of serve.
type options struct {
	configFile string
	dataDir    string
	// sources records where the values of the flags were set.
	sources sources

	mode    string
	storage string

	dbPath         string
	dbSynchronous  string
	acceptDataLoss string
	acceptedLoss   *mark.StoreID // that flag, as validate has parsed it
	db             database.Config
	dbTLSMode      string
	dbMigrate      bool
	dbWait         time.Duration
	markDir        string

	etcdServers  []string
	etcdCAFile   string
	etcdCertFile string
	etcdKeyFile  string

	etcdListen             string
	etcdListenCertFile     string
	etcdListenKeyFile      string
	etcdListenClientCAFile string

	peerListen  string
	peerAddress string

	compactionInterval time.Duration
	history            string
	historyChain       bool
	maxObjectSize      byteSize

	bindAddress              string
	securePort               int
	maxConnections           int
	maxConnectionsPerAddress int
	tlsSANs                  []string

	encryptionConfig string

	keysDir        string
	keysPassphrase string
	kubeconfigOut  string

	authentication standalone.Authentication
	oidcRequired   []string // the values of the flag
	audit          *genericoptions.AuditOptions

	modelURLs modelURLOptions
	engine    engineOptions
	chat      chatOptions
	console   consoleOptions
	readModel readModelOptions
	cluster   clusterOptions

	tracingFile string

	logLevel  string
	logFormat string
	verbosity int

	withoutHooks string
	hooksOff     hooks.Off
}

func newOptions() *options {
	cluster := newClusterOptions()
	return &options{
		sources:            sources{},
		mode:               modeStandalone,
		engine:             newEngineOptions(),
		chat:               chatOptions{chat: chatOn},
		console:            consoleOptions{state: consoleOn},
		readModel:          readModelOptions{state: readModelOn},
		cluster:            cluster,
		audit:              cluster.server.Audit,
		authentication:     standalone.Authentication{OIDC: standalone.OIDC{UsernameClaim: "sub", SigningAlgs: []string{"RS256"}}},
		storage:            storageSQLite,
		dbPath:             "./ark.db",
		dbSynchronous:      "full",
		dbMigrate:          true,
		dbWait:             5 * time.Minute,
		compactionInterval: 5 * time.Minute,
		maxObjectSize:      storage.DefaultMaxObjectBytes,
		bindAddress:        "127.0.0.1",
		securePort:         6443,

		maxConnections:           10_000,
		maxConnectionsPerAddress: 256,

		logLevel:  "warn",
		logFormat: "text",
	}
}

const (
	storageSQLite   = string(server.SQLite)
	storagePostgres = string(server.PostgreSQL)
	storageMySQL    = string(server.MySQL)
	storageEtcd     = string(server.Etcd)
)

// onServer reports whether the storage is a database server.
func (o *options) onServer() bool { return server.Kind(o.storage).OnServer() }

// flagGroup is a heading of the help with the flags below it.
type flagGroup struct {
	name  string
	flags *pflag.FlagSet
}

func group(name string, add func(*pflag.FlagSet)) flagGroup {
	fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
	fs.SortFlags = false
	add(fs)
	return flagGroup{name: name, flags: fs}
}

func (o *options) flagGroups() []flagGroup {
	return slices.Concat([]flagGroup{group("Mode", o.addModeFlag)}, o.storageFlags(), []flagGroup{
		group("Serving", func(fs *pflag.FlagSet) {
			fs.StringVar(&o.bindAddress, "bind-address", o.bindAddress, "`IP` address to listen on; 0.0.0.0 for all of IPv4, :: for all of IPv4 and IPv6")
			fs.IntVar(&o.securePort, "secure-port", o.securePort, "HTTPS `port`; 0 picks a free one")
			fs.IntVar(&o.maxConnections, "max-connections", o.maxConnections, "most connections of clients, of whatever address; at the bound those go first on which no user has authenticated; the front proxy's do not count; 0 for no bound")
			fs.IntVar(&o.maxConnectionsPerAddress, "max-connections-per-address", o.maxConnectionsPerAddress, "most connections from one IP address (IPv6: /64 network) on which no user has authenticated; the oldest goes first; 0 for no bound")
			fs.StringSliceVar(&o.tlsSANs, "tls-san", nil, "further `names` and IP addresses at which clients reach the server, for its certificate")
			fs.StringVar(&o.cluster.server.CertFile, "tls-cert-file", "", "PEM `file` of the serving certificate; read again when it changes (default one that the server makes and renews; with --mode=aggregated one for <service>.<namespace>.svc must be given)")
			fs.StringVar(&o.cluster.server.KeyFile, "tls-private-key-file", "", "PEM `file` of that certificate's key")
			fs.StringVar(&o.kubeconfigOut, "kubeconfig-out", "", "`file` to add the admin's cluster, user and context to, as kind and minikube do; the rest of it is kept (default admin.kubeconfig, or NAME.admin.kubeconfig for a database NAME, next to the database)")
			fs.StringVar(&o.withoutHooks, "without-hooks", "", "`names` of hooks into the Kubernetes libraries to do without, or all: to find out whose fault something is; docs/upstream.md lists them")
			fs.Lookup("without-hooks").Hidden = true
			fs.StringVar(&o.encryptionConfig, "encryption-provider-config", "", "`file` with an EncryptionConfiguration of apiserver.config.k8s.io/v1: how Secrets and other resources of the core group are stored; read again when it changes (default encryption.yaml in --keys-dir, which is made with a key for Secrets)")
			fs.StringVar(&o.keysPassphrase, "keys-passphrase-file", "", "`file` with a passphrase: share the keys with the other servers on the database through it, encrypted; all of them need the same passphrase (default each server has its --keys-dir, which servers on one database must share or copy)")
			fs.StringVar(&o.keysDir, "keys-dir", "", "`folder` for the server's certificates, keys and admin token (default the database's name with .keys added)")
		}),
		group("Users from outside", o.addAuthenticationFlags),
		group("Models", o.modelURLs.add),
		group("Queries", o.engine.add),
		group("Chat", o.chat.add),
		group("Console", o.console.add),
		group("SQL", o.readModel.add),
		group("Admission", o.cluster.addAdmissionFlags),
		group("In a cluster, with --mode=aggregated", o.cluster.addFlags),
		group("Audit", o.addAuditFlags),
		group("etcd protocol", func(fs *pflag.FlagSet) {
			fs.StringVar(&o.etcdListen, "etcd-listen", "", "also serve the embedded storage to etcdctl, at this `address`: unix:///path, a socket for its owner only, or tcp://127.0.0.1:port, where every user of this machine can change everything")
			fs.StringVar(&o.etcdListenCertFile, "etcd-listen-cert-file", "", "PEM `file` of the certificate to serve it with")
			fs.StringVar(&o.etcdListenKeyFile, "etcd-listen-key-file", "", "PEM `file` of that certificate's key")
			fs.StringVar(&o.etcdListenClientCAFile, "etcd-listen-client-ca-file", "", "PEM `file` of the authority whose client certificates are accepted; needed beyond loopback")
		}),
		group("Replicas (PostgreSQL, MySQL, MariaDB)", func(fs *pflag.FlagSet) {
			fs.StringVar(&o.peerListen, "peer-listen", "", "let the other replicas of the database find and call this one, at this `host:port`, over TLS with keys that they tell each other through the database; port 0 picks a free one")
			fs.StringVar(&o.peerAddress, "peer-address", "", "`host:port` at which the others reach it (default that of --peer-listen)")
		}),
		group("Logging", o.addLogging),
		group("Tracing", func(fs *pflag.FlagSet) {
			fs.StringVar(&o.tracingFile, "tracing-config-file", "", "`file` with a TracingConfiguration of apiserver.config.k8s.io/v1: where OpenTelemetry spans of requests go, down to the database, and of how many requests; without it there are none")
		}),
	})
}

// addLogging adds the flags of the log.
func (o *options) addLogging(fs *pflag.FlagSet) {
	fs.StringVar(&o.logLevel, "log-level", o.logLevel, "`error|warn|info|debug`: the least severity that is logged")
	fs.StringVar(&o.logFormat, "log-format", o.logFormat, "`text|json`: one record a line, as key=value or as a JSON object")
	fs.IntVarP(&o.verbosity, "v", "v", 0, "detail of the Kubernetes libraries' log, 0 to `10`; above 0 it implies --log-level=info")
}

// storageFlags returns the flags that locate the data.
func (o *options) storageFlags() []flagGroup {
	return []flagGroup{
		group("Configuration", o.addConfigurationFlags),
		group("Storage", func(fs *pflag.FlagSet) {
			fs.StringVar(&o.storage, "storage", o.storage, "where the data is kept: `sqlite|postgresql|mysql|etcd`")
			fs.StringVar(&o.dbPath, "db-path", o.dbPath, "SQLite database `file`; made if missing")
			fs.StringVar(&o.dbSynchronous, "db-synchronous", o.dbSynchronous, "`full|normal`: full has every acknowledged write on disk; normal is faster, and a crash of the machine (not of the server) may lose the last writes")
			fs.StringVar(&o.acceptDataLoss, "accept-data-loss", "", "go on with a database that lacks acknowledged writes, or an SQLite database with damaged rows; `STORE-ID` is in the message of the start that was refused, and good for one loss")
			fs.StringSliceVar(&o.etcdServers, "etcd-servers", nil, "`URLs` of an external etcd, for --storage=etcd")
			fs.StringVar(&o.etcdCAFile, "etcd-cafile", "", "PEM `file` of the authority that signed the external etcd's certificate")
			fs.StringVar(&o.etcdCertFile, "etcd-certfile", "", "PEM `file` of the client certificate for the external etcd")
			fs.StringVar(&o.etcdKeyFile, "etcd-keyfile", "", "PEM `file` of that certificate's key")
			fs.DurationVar(&o.compactionInterval, "compaction-interval", o.compactionInterval, "how long old revisions stay readable at least, which bounds how late a watch may resume; 0 keeps them all")
			fs.StringVar(&o.history, "history", o.history, "`on|off`: keep every version of Ark's objects, with who made it, beyond the compaction (default on; --storage=etcd has no history)")
			fs.BoolVar(&o.historyChain, "history-chain", o.historyChain, "make the history a hash chain, so that changes made to it in the database are evident: its head is in the log and the audit log every minute, and 'ark-server history verify' compares them. All replicas need it. A version takes about 60 bytes more, of which 50 stay when it is removed")
			fs.Var(&o.maxObjectSize, "max-object-size", "how large an object may be, as `bytes` of its JSON with all metadata, such as 1536Ki or 4Mi, up to 16Mi; what is stored already may be larger, and is read, deleted and made smaller. Large objects cost memory, see docs/operations/sizing.md")
		}),
		group("Database server (PostgreSQL, MySQL, MariaDB)", o.addDatabaseFlags),
	}
}

// validate returns every fault of the flags. Each error names its flag and a fix, and the line of
// the configuration file that set the flag. validate stores the parsed values in o.
func (o *options) validate() error { return o.sources.locate(o.checkFlags()) }

func (o *options) checkFlags() error {
	var errs []error
	fault := func(flag string, value any, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--%s=%v: %s", flag, value, fmt.Sprintf(format, args...)))
	}
	oneOf := func(flag, value string, allowed ...string) {
		errs = append(errs, checkValue(flag, value, allowed...))
	}
	off, err := hooks.Parse(o.withoutHooks)
	if err != nil {
		fault("without-hooks", o.withoutHooks, "%v", err)
	}
	o.hooksOff = off
	oneOf("storage", o.storage, storageSQLite, storagePostgres, storageMySQL, storageEtcd)
	errs = append(errs, o.validateDatabase()...)
	oneOf("db-synchronous", o.dbSynchronous, "full", "normal")
	oneOf("log-level", o.logLevel, "error", "warn", "info", "debug")
	oneOf("log-format", o.logFormat, "text", "json")
	if o.storage == storageEtcd {
		if len(o.etcdServers) == 0 {
			errs = append(errs, errors.New("--storage=etcd needs --etcd-servers, such as --etcd-servers=unix:///path/etcd.sock or https://etcd:2379"))
		}
		if o.etcdListen != "" {
			fault("etcd-listen", o.etcdListen, "there is no embedded storage with --storage=etcd; ask that etcd itself")
		}
	} else if len(o.etcdServers) > 0 {
		fault("etcd-servers", strings.Join(o.etcdServers, ","), "add --storage=etcd, or leave it out")
	}
	if o.storage == storageSQLite && o.dbPath == "" {
		errs = append(errs, errors.New("--db-path is empty: name a file, such as --db-path=./ark.db"))
	}
	if o.acceptDataLoss != "" {
		if o.storage == storageEtcd {
			fault("accept-data-loss", o.acceptDataLoss, "not for --storage=etcd: leave it out")
		} else if o.onServer() && o.markFolder() == "" {
			fault("accept-data-loss", o.acceptDataLoss, "no loss is noticed without a mark: add --mark-dir, or leave it out")
		} else if store, err := mark.ParseStoreID(o.acceptDataLoss); err != nil {
			fault("accept-data-loss", o.acceptDataLoss, "%v", err)
		} else {
			o.acceptedLoss = &store
		}
	}
	if (o.etcdCertFile == "") != (o.etcdKeyFile == "") {
		errs = append(errs, errors.New("--etcd-certfile and --etcd-keyfile go together"))
	}
	if (o.etcdListenCertFile == "") != (o.etcdListenKeyFile == "") {
		errs = append(errs, errors.New("--etcd-listen-cert-file and --etcd-listen-key-file go together"))
	}
	if o.etcdListenClientCAFile != "" && o.etcdListenCertFile == "" {
		fault("etcd-listen-client-ca-file", o.etcdListenClientCAFile, "needs --etcd-listen-cert-file and --etcd-listen-key-file")
	}
	errs = append(errs, o.validatePeers())
	if net.ParseIP(o.bindAddress) == nil {
		fault("bind-address", o.bindAddress, "not an IP address; use 127.0.0.1, 0.0.0.0 for all of IPv4, or :: for all")
	}
	if o.securePort < 0 || o.securePort > 65535 {
		fault("secure-port", o.securePort, "use 1 to 65535, or 0 for a free port")
	}
	if o.maxConnections < 0 {
		fault("max-connections", o.maxConnections, "use a number such as 10000, or 0 for no bound")
	}
	if o.maxConnectionsPerAddress < 0 {
		fault("max-connections-per-address", o.maxConnectionsPerAddress, "use a number such as 256, or 0 for no bound")
	}
	if o.compactionInterval < 0 {
		fault("compaction-interval", o.compactionInterval, "use a duration such as 5m, or 0 to keep every revision")
	}
	if err := o.validateHistory(); err != nil {
		errs = append(errs, err)
	}
	if err := o.maxObjectSize.validate(); err != nil {
		errs = append(errs, err)
	}
	if o.verbosity < 0 || o.verbosity > 10 {
		fault("v", o.verbosity, "use 0 to 10")
	}
	errs = append(errs, o.validateSharedKeys())
	urls, err := o.modelURLs.policy()
	errs = append(errs, err)
	o.modelURLs.urls = urls
	errs = append(errs, o.validateEngine(), o.validateChat(), o.validateConsole(), o.validateReadModel(), o.validateMode(), o.validateAuthentication(), validateAudit(o.audit))
	return errors.Join(errs...)
}

// secondMark returns the folder of the second mark of an SQLite database. The first mark is the
// file next to the database.
func (o *options) secondMark() string {
	if o.mode == modeAggregated {
		return ""
	}
	return o.keys()
}

// markFolder returns the folder of the mark of a database server, or "" if there is none.
func (o *options) markFolder() string {
	switch {
	case o.markDir != "":
		return o.markDir
	case o.mode == modeAggregated:
		return o.dataDir
	}
	return o.keys()
}

// keys returns the keys folder. The default is in the data folder. Without a data folder it is next
// to the database, or in the working folder if the database is elsewhere.
func (o *options) keys() string {
	switch {
	case o.keysDir != "":
		return o.keysDir
	case o.storage == storageSQLite && o.dataDir == "":
		return o.dbPath + ".keys"
	case o.storage == storageSQLite:
		return filepath.Join(o.dataDir, filepath.Base(o.dbPath)+".keys")
	}
	return filepath.Join(o.dataDir, "ark-server.keys")
}
