package pgwire

import "fmt"

// PostgreSQL's error codes.
const (
	codeUnsupported   = "0A000"
	codeNoPassword    = "28P01"
	codeRefused       = "28000"
	codeForbidden     = "42501"
	codeSyntax        = "42601"
	codeReadOnly      = "25006"
	codeCanceled      = "57014"
	codeTooMany       = "53300"
	codeProtocol      = "08P01"
	codeInternal      = "XX000"
	codeNoStatement   = "26000"
	codeNoPortal      = "34000"
	codeBadParameter  = "22P02"
	codeUnavailable   = "57P03"
	codeInvalidUse    = "42P10"
	codeStatementTime = "57014"
)

// Fault is an error with a code, which is sent to the client.
type Fault struct {
	Code, Message string
}

func (f *Fault) Error() string { return f.Message }

func unsupported(format string, args ...any) error {
	return &Fault{codeUnsupported, fmt.Sprintf(format, args...) + " is not translated: see the subset in docs/sql.md"}
}
