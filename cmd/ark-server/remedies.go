package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/servermark"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
	"github.com/mckinsey/ark-server/internal/privatefile"
	"github.com/mckinsey/ark-server/internal/transfer"
)

// remedied adds to an error the commands and flags that help. The errors of the lower layers
// describe the fault without commands and flags.
func remedied(err error) error {
	var done *remediedError
	if err == nil || errors.As(err, &done) {
		return err
	}
	text := err.Error()
	eachError(err, func(e error) {
		if better := withRemedy(e); better != "" {
			text = strings.Replace(text, e.Error(), better, 1)
		}
	})
	if text == err.Error() {
		return err
	}
	return &remediedError{err, text}
}

// remediedError is an error with a replaced text.
type remediedError struct {
	error
	text string
}

func (e *remediedError) Error() string { return e.text }
func (e *remediedError) Unwrap() error { return e.error }

// eachError calls do with every error of an error tree.
func eachError(err error, do func(error)) {
	do(err)
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			eachError(inner, do)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			eachError(inner, do)
		}
	}
}

// withRemedy returns the text of one error with its remedy, or "" for an error without a remedy.
func withRemedy(err error) string {
	switch err {
	case transfer.ErrTooLarge: //nolint:errorlint // this error of the tree itself
		return err.Error() + ": raise --max-object-size here and where it is served (with --storage=etcd that server's limit decides)"
	case sqlite.ErrSameFile:
		return err.Error() + ": leave --from out to move the counter on in place"
	}
	switch e := err.(type) { //nolint:errorlint // it walks the tree itself
	case *mvcc.RewoundError:
		return e.Error() + ": stop every replica, run ark-server restore --bump-revision, and start them again"
	case *servermark.LossError:
		if e.Other {
			return ""
		}
		return e.Error() + ": stop every replica, run ark-server restore --bump-revision, and start them again, or start one with --accept-data-loss=" + e.Store.String()
	case *sqlite.LossError:
		return e.Error() + " (ark-server restore), or go on without what is missing: --accept-data-loss=" + e.Store.String()
	case *sqlite.DamageError:
		text := strings.Replace(e.Error(), ", and more", ", and more (ark-server check lists them)", 1)
		return text + " (ark-server restore), or go on without these rows: --accept-data-loss=" + e.Store.String()
	case *sqlite.CorruptError:
		return strings.Replace(e.Error(), "restore a backup", "restore a backup (ark-server restore)", 1)
	case *database.LimitError:
		if e.Limit == database.LimitValue {
			return e.Error() + ", or lower --max-object-size"
		}
		return fmt.Sprintf("%v, or lower --db-max-connections (at least %d)", e, e.Least)
	case *database.BusyError:
		return fmt.Sprintf("the server has no connection to spare: raise its max_connections, or lower the number of replicas or --db-max-connections: %v", e.Err)
	case *database.TLSError:
		if e.Certificate {
			return fmt.Sprintf("the server's certificate is not accepted: name its authority with --db-tls-ca-file, and the host as the certificate does: %v", e.Err)
		}
		return fmt.Sprintf("the server offers no TLS: enable it there, or choose --db-tls-mode=disable for a network that you trust: %v", e.Err)
	case *database.MigrationError:
		return fmt.Sprintf("%s: run `ark-server migrate up` as %s, then %s", e.Problem, e.As, e.Grant)
	case *privatefile.UntrustedError:
		if e.Fault == privatefile.NotASocket {
			return fmt.Sprintf("%s %s: name the socket of a server: --etcd-listen says where it is", e.Path, e.Fault)
		}
	case *etcdserver.UnprotectedError:
		return e.Error() + " (--etcd-listen-cert-file, --etcd-listen-key-file, --etcd-listen-client-ca-file)"
	case *transfer.NoContextError:
		return "the kubeconfig has no current context: choose one with --context, of " + strings.Join(e.Known, ", ")
	}
	return ""
}

// remediedWarning returns the text of a transfer warning with its remedy.
func remediedWarning(w transfer.Warning) string {
	switch w := w.(type) {
	case transfer.SecretsNotAsked:
		objects := "1 object"
		if w.Left != 1 {
			objects = fmt.Sprintf("%d objects", w.Left)
		}
		return objects + " left out: Secrets are moved with --secrets, and left out without an error with --secrets=false"
	case transfer.RevisionsBelow:
		return w.String() + ": ark-server restore --bump-revision"
	}
	return w.String()
}

// remediedFinding returns the remedy for a finding of sqlite.Check.
func remediedFinding(f sqlite.Finding) string {
	const restore = "restore a backup: ark-server restore --from=FILE"
	switch f.Remedy {
	case sqlite.RestoreBackup:
		return restore
	case sqlite.AcceptLoss:
		return "put back what was removed or replaced, or " + restore + ", or --accept-data-loss=" + f.Store.String()
	case sqlite.StartServer:
		return "start ark-server: it writes the mark again"
	case sqlite.NoRemedy:
	}
	return ""
}
