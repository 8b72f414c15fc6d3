package main

import (
	"fmt"

	"github.com/mckinsey/ark-server/internal/privatefile"
)

// givenFile is a file that the user created and that a flag names.
type givenFile struct {
	flag, path string
	// secret is true if other users must not be able to read the file.
	secret bool
}

// givenFiles returns the files of all flags except the flag of the database.
func (o *options) givenFiles() []givenFile {
	s := o.cluster.server
	return []givenFile{
		{"config", o.configFile, false},
		{"db-dsn-file", o.db.DSNFile, true},
		{"db-password-file", o.db.PasswordFile, true},
		{"db-tls-ca-file", o.db.TLS.CAFile, false},
		{"db-tls-cert-file", o.db.TLS.CertFile, false},
		{"db-tls-key-file", o.db.TLS.KeyFile, true},
		{"etcd-cafile", o.etcdCAFile, false},
		{"etcd-certfile", o.etcdCertFile, false},
		{"etcd-keyfile", o.etcdKeyFile, true},
		{"etcd-listen-cert-file", o.etcdListenCertFile, false},
		{"etcd-listen-key-file", o.etcdListenKeyFile, true},
		{"etcd-listen-client-ca-file", o.etcdListenClientCAFile, false},
		{"tracing-config-file", o.tracingFile, false},
		{"kubeconfig", o.cluster.kubeconfig, true},
		{"tls-cert-file", s.CertFile, false},
		{"tls-private-key-file", s.KeyFile, true},
		{"admission-control-config-file", s.AdmissionConfigFile, false},
		{"authentication-config", o.authentication.ConfigFile, false},
		{"oidc-ca-file", o.authentication.OIDC.CAFile, false},
		{"console-oidc-ca-file", o.console.issuer.CAFile, false},
		{"console-oidc-client-secret-file", o.console.issuer.SecretFile, true},
		{"encryption-provider-config", o.encryptionConfig, true},
		{"keys-passphrase-file", o.keysPassphrase, true},
		{"audit-policy-file", o.audit.PolicyFile, false},
		{"audit-webhook-config-file", o.audit.WebhookOptions.ConfigFile, true},
	}
}

// checkGivenFiles rejects files that another user owns or can write, and warns of secrets that
// every user can read.
func (o *options) checkGivenFiles() error {
	for _, f := range o.givenFiles() {
		if f.path == "" {
			continue
		}
		if err := privatefile.CheckGiven(f.path, f.secret); err != nil {
			return fmt.Errorf("--%s=%s: %w", f.flag, f.path, err)
		}
	}
	return nil
}

// prepareAuditLog creates the audit log with access for its owner only, before the first write.
func (o *options) prepareAuditLog() error {
	path := o.audit.LogOptions.Path
	if path == "" || path == "-" {
		return nil
	}
	if err := privatefile.Prepare(path); err != nil {
		return fmt.Errorf("--audit-log-path=%s: %w", path, err)
	}
	return nil
}
