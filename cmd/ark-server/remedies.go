package main

import (
	"fmt"
	"strings"

	"github.com/mckinsey/ark-server/internal/etcdserver"
	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/privatefile"
	"github.com/mckinsey/ark-server/internal/transfer"
)

// remedied returns an error that says which commands and flags help. The errors of the layers below say
// what is wrong, and know neither.
func remedied(err error) error {
	if err == nil {
		return nil
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

// remediedError is an error with another text.
type remediedError struct {
	error
	text string
}

func (e *remediedError) Error() string { return e.text }
func (e *remediedError) Unwrap() error { return e.error }

// eachError calls do with every error of a tree of them.
func eachError(err error, do func(error)) {
	do(err)
	switch e := err.(type) {
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

// withRemedy returns the text of one error with its remedy, "" for an error without.
func withRemedy(err error) string {
	if err == transfer.ErrTooLarge {
		return err.Error() + ": raise --max-object-size here and where it is served (with --storage=etcd that server's limit decides)"
	}
	switch e := err.(type) {
	case *mvcc.RewoundError:
		return e.Error() + ": stop every replica, run ark-server restore --bump-revision, and start them again"
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

// remediedWarning is remedied for the warnings of a transfer.
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
