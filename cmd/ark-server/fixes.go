package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/mckinsey/ark-server/internal/aggregated"
	"github.com/mckinsey/ark-server/internal/encryption"
	"github.com/mckinsey/ark-server/internal/server"
	"github.com/mckinsey/ark-server/internal/standalone"
)

// withFlags adds to an error of package server the flags that it is about, and the fix.
func (o *options) withFlags(err error) error {
	var about *server.Error
	if !errors.As(err, &about) {
		return err
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, each := range joined.Unwrap() {
			all = append(all, o.withFlags(each))
		}
		return errors.Join(all...)
	}
	return o.withFlag(about)
}

func (o *options) withFlag(e *server.Error) error {
	err := e.Err
	switch e.Setting {
	case server.SettingAddress:
		return o.withAddressFix(err)
	case server.SettingTracing:
		return fmt.Errorf("--tracing-config-file=%s: %w: write a TracingConfiguration of apiserver.config.k8s.io/v1 with endpoint (such as otel-collector:4317) and samplingRatePerMillion", o.tracingFile, err)
	case server.SettingDatabase, server.SettingStorage:
		return fmt.Errorf("%s: %w", o.databaseFlag(), err)
	case server.SettingMark:
		if o.markDir != "" {
			return fmt.Errorf("--mark-dir=%s: %w", o.markDir, err)
		}
		return fmt.Errorf("--keys-dir=%s: %w", o.keys(), err)
	case server.SettingEtcd:
		return fmt.Errorf("--etcd-servers: %w: check that etcd runs there, and the --etcd-... certificate flags", err)
	case server.SettingEndpointCertificate:
		return fmt.Errorf("--etcd-listen-cert-file=%s, --etcd-listen-key-file=%s: %w", o.etcdListenCertFile, o.etcdListenKeyFile, err)
	case server.SettingEndpointClientCA:
		return fmt.Errorf("--etcd-listen-client-ca-file=%s: %w", o.etcdListenClientCAFile, err)
	case server.SettingSharedKeys:
		return o.withSharedKeysFix(err)
	case server.SettingEncryption:
		if o.encryptionConfig != "" {
			return fmt.Errorf("--encryption-provider-config=%s: %w", o.encryptionConfig, err)
		}
		var missing *encryption.KeyError
		if errors.As(err, &missing) {
			return fmt.Errorf("--keys-dir=%s: %w%s", o.keys(), err, lostKeyFix(missing))
		}
		return fmt.Errorf("--keys-dir=%s: %w", o.keys(), err)
	case server.SettingMode:
		return withClusterFix(withStandaloneFlag(err))
	case server.SettingEndpointAddress:
		return fmt.Errorf("--etcd-listen=%s: %w", o.etcdListen, err)
	case server.SettingPGAddress:
		return fmt.Errorf("serve --pg-listen=%s: %w: use an address of this machine with a port that is free", o.readModel.pgListen, err)
	case server.SettingChatAddress:
		return fmt.Errorf("serve --http-listen=%s: %w: use an address of this machine with a port that is free", o.chat.listen, err)
	case server.SettingBrokerAddress:
		return fmt.Errorf("serve --broker-listen=%s: %w: use an address of this machine with a port that is free", o.chat.brokerListen, err)
	case server.SettingPeers:
		return fmt.Errorf("--peer-listen=%s: %w", o.peerListen, err)
	case server.SettingCluster:
		if errors.Is(err, aggregated.ErrNotInCluster) {
			return errors.New("--mode=aggregated: not running in a pod: name the cluster with --kubeconfig=file, or serve without one with --mode=standalone")
		}
		return fmt.Errorf("--kubeconfig=%s: %w", o.cluster.kubeconfig, err)
	}
	return err
}

// databaseFlag returns the flag that names the database.
func (o *options) databaseFlag() string {
	switch {
	case !o.onServer():
		return "--db-path=" + o.dbPath
	case o.db.DSNFile != "":
		return "--db-dsn-file=" + o.db.DSNFile
	}
	return "--db-host=" + o.db.Host
}

// withAddressFix adds the reason that the HTTPS port cannot be opened, and the fix.
func (o *options) withAddressFix(err error) error {
	address := net.JoinHostPort(o.bindAddress, strconv.Itoa(o.securePort))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("--secure-port=%d: another program listens on %s: stop it, or choose another port (0 for any free one)", o.securePort, address)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("--secure-port=%d: not permitted: choose a port above 1023", o.securePort)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("--bind-address=%s: this machine has no such address: use 127.0.0.1, or 0.0.0.0 for all", o.bindAddress)
	case errors.Is(err, syscall.EAFNOSUPPORT):
		return fmt.Errorf("--bind-address=%s: this machine has no IPv6: use 127.0.0.1, or 0.0.0.0 for all", o.bindAddress)
	}
	return fmt.Errorf("--bind-address=%s, --secure-port=%d: %w", o.bindAddress, o.securePort, err)
}

// withStandaloneFlag adds the flag that an error of the standalone server is about.
func withStandaloneFlag(err error) error {
	var keys *standalone.KeysError
	if errors.As(err, &keys) {
		return fmt.Errorf("--keys-dir=%s: %w", keys.Dir, keys.Err)
	}
	var certificate *standalone.CertificateError
	if errors.As(err, &certificate) {
		return fmt.Errorf("--tls-cert-file=%s: %w", certificate.Path, certificate.Err)
	}
	var users *standalone.AuthenticationError
	if errors.As(err, &users) {
		if users.File != "" {
			return fmt.Errorf("--authentication-config=%s: %w", users.File, users.Err)
		}
		return fmt.Errorf("--oidc-issuer-url and the other --oidc-... flags: %w", users.Err)
	}
	var kubeconfig *standalone.KubeconfigError
	if errors.As(err, &kubeconfig) {
		return fmt.Errorf("--kubeconfig-out=%s: %w%s", kubeconfig.Path, kubeconfig.Err, kubeconfigFix(kubeconfig.Err))
	}
	return err
}

// withClusterFix adds what to grant or to set if the cluster rejects a request of the server.
func withClusterFix(err error) error {
	var trust *aggregated.TrustError
	if errors.As(err, &trust) {
		return fmt.Errorf("%w: bind the Role extension-apiserver-authentication-reader of kube-system to this server's account; "+
			"if the ConfigMap has no requestheader-client-ca-file, the cluster's aggregation layer is off (kube-apiserver --requestheader-client-ca-file)", err)
	}
	var missing []string
	for _, p := range permissionErrors(err) {
		fix := "bind the ClusterRole system:auth-delegator to it"
		if p.Namespace != "" {
			fix = "bind the Role extension-apiserver-authentication-reader of that namespace to it"
		}
		if p.Plugin != "" {
			fix = "grant it, or do without: --disable-admission-plugins=" + p.Plugin
		}
		missing = append(missing, fmt.Sprintf("%s (%s)", p.Error(), fix))
	}
	if len(missing) > 0 {
		return errors.New(strings.Join(missing, "; "))
	}
	return err
}

// permissionErrors returns the permission errors in a tree of errors.
func permissionErrors(err error) []*aggregated.PermissionError {
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case *aggregated.PermissionError:
		return []*aggregated.PermissionError{e}
	case interface{ Unwrap() []error }:
		var found []*aggregated.PermissionError
		for _, each := range e.Unwrap() {
			found = append(found, permissionErrors(each)...)
		}
		return found
	}
	if inner := errors.Unwrap(err); inner != nil {
		return permissionErrors(inner)
	}
	return nil
}
