package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestGivenFiles checks that each flag that names a file rejects a file that other users can write.
func TestGivenFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"config", "db-dsn-file", "db-password-file", "db-tls-ca-file", "db-tls-cert-file", "db-tls-key-file",
		"etcd-cafile", "etcd-certfile", "etcd-keyfile", "etcd-listen-cert-file", "etcd-listen-key-file", "etcd-listen-client-ca-file",
		"tracing-config-file", "kubeconfig", "tls-cert-file", "tls-private-key-file", "admission-control-config-file",
		"audit-policy-file", "audit-webhook-config-file", "authentication-config", "oidc-ca-file", "console-oidc-ca-file", "console-oidc-client-secret-file",
		"encryption-provider-config",
	} {
		t.Run(name, func(t *testing.T) {
			o := newOptions()
			for _, group := range o.flagGroups() {
				if f := group.flags.Lookup(name); f != nil {
					if err := f.Value.Set(path); err != nil {
						t.Fatal(err)
					}
				}
			}
			err := o.checkGivenFiles()
			if err == nil {
				t.Fatal("it was taken")
			}
			wantTexts(t, err.Error(), "--"+name+"="+path, "mode 0666", "chmod 0600 ")
		})
	}
}

// TestAuditLogFile checks that the audit log is private before its first byte, and that a file that
// another user has created there is rejected.
func TestAuditLogFile(t *testing.T) {
	dir := t.TempDir()
	o := newOptions()
	o.audit.LogOptions.Path = filepath.Join(dir, "audit.log")
	if err := o.prepareAuditLog(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(filepath.Join(dir, "audit.log")); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	o.audit.LogOptions.Path = filepath.Join(dir, "link.log")
	if err := os.Symlink(filepath.Join(dir, "audit.log"), filepath.Join(dir, "link.log")); err != nil {
		t.Fatal(err)
	}
	err := o.prepareAuditLog()
	if err == nil {
		t.Fatal("a link was taken")
	}
	wantTexts(t, err.Error(), "--audit-log-path=", "symbolic link")
}
