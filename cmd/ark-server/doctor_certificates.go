package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	// A server renews its own certificate long before this. If a certificate is this close to its
	// expiry, the renewal did not happen.
	renewedBefore = 7 * 24 * time.Hour
	// replaceBefore is for certificates that must be replaced manually.
	replaceBefore = 14 * 24 * time.Hour
)

// certificates checks the expiry of all certificates.
func (e *examination) certificates() {
	type certificate struct {
		what, path string
		before     time.Duration
		fix        string
	}
	var all []certificate
	if e.mode == modeStandalone {
		all = append(all, certificate{"the certificate authority", filepath.Join(e.keys(), "ca.crt"), replaceBefore, "stop the server, remove ca.crt and ca.key, start it, and give every client the new kubeconfig"})
	}
	if e.mode == modeStandalone && e.cluster.server.CertFile == "" {
		all = append(all, certificate{"the serving certificate", filepath.Join(e.keys(), "server.crt"), renewedBefore, "start the server, which renews it; if it runs, look at its log"})
	}
	for _, f := range []struct{ flag, path string }{
		{"tls-cert-file", e.cluster.server.CertFile}, {"db-tls-ca-file", e.db.TLS.CAFile}, {"db-tls-cert-file", e.db.TLS.CertFile},
		{"etcd-cafile", e.etcdCAFile}, {"etcd-certfile", e.etcdCertFile},
		{"etcd-listen-cert-file", e.etcdListenCertFile}, {"etcd-listen-client-ca-file", e.etcdListenClientCAFile},
	} {
		if f.path != "" {
			all = append(all, certificate{"--" + f.flag, f.path, replaceBefore, "replace the file with a new certificate"})
		}
	}
	looked := 0
	first := time.Time{}
	for _, c := range all {
		ends, begins, err := validity(c.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // the first start creates it, or a flag names it and the item files reports it as missing
		case err != nil:
			e.bad("certificates", c.fix, "%s in %s cannot be used: %v", c.what, c.path, err)
		case e.now.After(ends):
			e.bad("certificates", c.fix, "%s in %s has expired at %s", c.what, c.path, ends.Format(time.RFC3339))
		case e.now.Add(c.before).After(ends):
			e.bad("certificates", c.fix, "%s in %s expires at %s", c.what, c.path, ends.Format(time.RFC3339))
		case begins.After(e.now):
			e.bad("certificates", "set the clock, or wait", "%s in %s is valid from %s on", c.what, c.path, begins.Format(time.RFC3339))
		default:
			looked++
			if first.IsZero() || ends.Before(first) {
				first = ends
			}
			continue
		}
	}
	switch {
	case len(all) == 0 || looked == 0 && !e.has("certificates"):
		e.ok("certificates", "there are none yet")
	case !e.has("certificates"):
		e.ok("certificates", "%d, the first expires at %s", looked, first.Format(time.RFC3339))
	}
}

// has reports whether there is an item with this name.
func (e *examination) has(name string) bool {
	for _, item := range e.items {
		if item.Name == name {
			return true
		}
	}
	return false
}

// faulty reports whether there is an item with this name that is not ok.
func (e *examination) faulty(name string) bool {
	return slices.ContainsFunc(e.items, func(item diagnosis) bool { return item.Name == name && !item.OK })
}

// validity returns the earliest expiry of the certificates in a PEM file, and the start of their
// validity.
func validity(path string) (ends, begins time.Time, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return ends, begins, err
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return ends, begins, err
		}
		if ends.IsZero() || cert.NotAfter.Before(ends) {
			ends, begins = cert.NotAfter, cert.NotBefore
		}
	}
	if ends.IsZero() {
		err = errors.New("it holds no PEM certificate")
	}
	return ends, begins, err
}
