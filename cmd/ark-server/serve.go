package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/mckinsey/ark-server/internal/server"
	"github.com/mckinsey/ark-server/internal/standalone"
	"github.com/mckinsey/ark-server/internal/version"
)

// serve runs a server until its context ends or it fails, and returns once everything is closed.
// out receives the start-up lines. If the context ends during the start, serve returns no error.
func serve(ctx context.Context, o *options, out io.Writer) error {
	return serveAnd(ctx, o, out, func(s *server.Server) {
		announce(out, o, s)
		o.offerModel(ctx)
	})
}

// serveAnd is serve with a function that is called once the server is ready.
func serveAnd(ctx context.Context, o *options, out io.Writer, ready func(*server.Server)) error {
	logs, err := setUpLogging(o)
	if err != nil {
		return err
	}
	logs.until(ctx)
	stopping := sync.OnceFunc(func() { announceStop(out, o) })
	defer context.AfterFunc(ctx, stopping)()

	if err := errors.Join(o.checkGivenFiles(), o.makeDataDir(), o.prepareAuditLog()); err != nil {
		return err
	}
	running, err := server.Start(ctx, o.server(logs))
	if ctx.Err() != nil {
		stopping()
		if err != nil {
			slog.Debug("the start was cut short", "err", o.withFlags(err))
			return nil
		}
		return running.Close()
	}
	if err != nil {
		return o.withFlags(err)
	}
	if running.Unprotected != "" {
		warnOfPort(running.Unprotected)
	}
	o.chat.warnOfBroker()
	return running.Run(ctx, func() { ready(running) })
}

// server returns the server options that the flags set.
func (o *options) server(logs *logging) server.Options {
	all := server.Options{
		Address: net.JoinHostPort(o.bindAddress, strconv.Itoa(o.securePort)), Limits: o.connectionLimits(),
		Mode:    o.standalone(),
		Storage: o.data(), MaxObjectAdvice: o.objectSizeAdvice(), ModelURLs: o.modelURLs.urls, TracingFile: o.tracingFile, Off: o.hooksOff, History: o.keepsHistory(), HistoryChain: o.historyChain,
		Explain: remedied, NoReport: "there is no embedded storage with --storage=etcd: ask that etcd",
		Peers:  server.PeerOptions{Listen: o.peerListen, Address: o.peerAddress},
		Engine: o.embeddedEngine(), EngineUser: o.engine.user, Chat: o.chat.server(), Console: o.consoleServer(), ReadModel: server.ReadModelOptions{Path: o.readModelPath(), MaxBytes: int64(o.readModel.most)}, PGListen: o.readModel.pgListen,
		Verbosity: logs.detail, SetVerbosity: logs.setVerbosity,
	}
	if o.mode == modeAggregated {
		all.Mode, all.Storage.TakesOver = server.Aggregated{Kubeconfig: o.cluster.kubeconfig, Server: o.cluster.server}, true
	}
	return all
}

// standalone returns the options of a standalone server.
func (o *options) standalone() server.Standalone {
	return server.Standalone{
		Names: o.tlsSANs, KeysDir: o.keys(), PassphraseFile: o.keysPassphrase, Kubeconfig: o.kubeconfig(), Name: o.serverName(),
		CertFile: o.cluster.server.CertFile, KeyFile: o.cluster.server.KeyFile,
		Admission:      standalone.Admission{ConfigFile: o.cluster.server.AdmissionConfigFile, Disabled: o.cluster.server.DisabledAdmission},
		Authentication: o.authentication, Audit: o.audit, EncryptionFile: o.encryptionConfig,
	}
}

// data returns the options of the storage.
func (o *options) data() server.StorageOptions {
	return server.StorageOptions{
		Kind: server.Kind(o.storage),
		Path: o.dbPath, Relaxed: o.dbSynchronous == "normal", SecondMark: o.secondMark(), AcceptDataLoss: o.acceptedLoss,
		Database: o.db, NoMigrate: !o.dbMigrate, Wait: o.dbWait, MarkFolder: o.markFolder(), MarkFolderMade: o.markDir != "" || o.mode == modeAggregated && o.dataDir != "",
		Etcd:               server.EtcdOptions{Servers: o.etcdServers, CAFile: o.etcdCAFile, CertFile: o.etcdCertFile, KeyFile: o.etcdKeyFile},
		Endpoint:           server.EndpointOptions{Address: o.etcdListen, CertFile: o.etcdListenCertFile, KeyFile: o.etcdListenKeyFile, ClientCAFile: o.etcdListenClientCAFile},
		CompactionInterval: o.compactionInterval, MaxObjectBytes: int(o.maxObjectSize),
	}
}

// warnOfPort warns that the protocol has no authentication, so that other users have access.
func warnOfPort(address string) {
	slog.Warn("every user and program of this machine can read and change everything through --etcd-listen, Secrets included",
		"address", address, "fix", "--etcd-listen=unix:///path/to/etcd.sock, a socket for its owner only; or demand client certificates: --etcd-listen-client-ca-file")
}

// announce prints all addresses and files, and the commands to type next.
func announce(out io.Writer, o *options, s *server.Server) {
	if o.mode == modeAggregated {
		announceInCluster(out, o, s)
		return
	}
	announceStandalone(out, o, s, o.usersLine(s))
}

// usersLine returns the number of users as a text, if other machines can reach the server.
func (o *options) usersLine(s *server.Server) string {
	if ip := net.ParseIP(o.bindAddress); ip == nil || ip.IsLoopback() || s.Users == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), countUsers)
	defer cancel()
	n, err := s.Users(ctx)
	if err != nil {
		slog.Warn("the users cannot be counted", "err", err)
		return ""
	}
	return usersText(n)
}

// usersText returns the number of users as a text; n of them have tokens.
func usersText(n int) string {
	if n == 0 {
		return "the admin alone; ark-server token create makes more"
	}
	return fmt.Sprintf("the admin, and %d with tokens (ark-server token list)", n)
}

// countUsers limits how long the start-up line waits for the database.
const countUsers = 5 * time.Second

func announceStandalone(out io.Writer, o *options, s *server.Server, users string) {
	if o.logFormat == "json" {
		fields := []any{
			"version", version.Ark(), "kubernetes", version.Kubernetes(),
			"storage", s.Summary, "url", s.URL, "kubeconfig", o.kubeconfig(), "users", users,
		}
		asJSON(out).Info("ready", append(fields, listeners(s)...)...)
		return
	}
	fmt.Fprintf(out, `ark-server %s (Kubernetes %s) is ready
  storage     %s
  serving     %s
  kubeconfig  %s (the admin's; keep it secret)
`, version.Ark(), version.Kubernetes(), s.Summary, s.URL, o.kubeconfig())
	announceListeners(out, s)
	if s.Console {
		fmt.Fprintf(out, "  console     %s/console (sign in with a token: ark-server token create --user=NAME)\n", s.URL)
	}
	if users != "" {
		fmt.Fprintf(out, "  users       %s\n", users)
	}
	fmt.Fprintln(out)
	file := o.kubeconfig()
	if inContainer() {
		// That file is in the container, and belongs to the server's user.
		file = "ark.kubeconfig"
		fmt.Fprintf(out, "Try, outside the container:\n  %s exec %s ark-server kubeconfig > %s\n", containerTool(), hostname(), file)
	} else {
		fmt.Fprintln(out, "Try, in another terminal:")
	}
	fmt.Fprintf(out, "  kubectl --kubeconfig %s get agents\n", file)
}

// listeners returns the ports in addition to the HTTPS port, as log attributes.
func listeners(s *server.Server) []any {
	var fields []any
	for name, address := range map[string]string{"postgresql": s.PGAddress, "http": s.ChatAddress, "broker": s.BrokerAddress} {
		if address != "" {
			fields = append(fields, name, address)
		}
	}
	return fields
}

// announceListeners prints the addresses of these ports.
func announceListeners(out io.Writer, s *server.Server) {
	if s.PGAddress != "" {
		fmt.Fprintf(out, "  sql         postgresql://ark@%s/all (the password is a token)\n", s.PGAddress)
	}
	if s.ChatAddress != "" {
		fmt.Fprintf(out, "  chat        http://%s/v1 (OpenAI's API)\n", s.ChatAddress)
	}
	if s.BrokerAddress != "" {
		fmt.Fprintf(out, "  broker      http://%s (without authentication)\n", s.BrokerAddress)
	}
}

// hostname returns the name of the host. The default in a container is the id of the container.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "CONTAINER"
	}
	return name
}

func announceStop(out io.Writer, o *options) {
	if o.logFormat == "json" {
		asJSON(out).Info("stopping")
		return
	}
	fmt.Fprintln(out, "Stopping; a second signal stops at once.")
}

func asJSON(out io.Writer) *slog.Logger { return slog.New(slog.NewJSONHandler(out, nil)) }
