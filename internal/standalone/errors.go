package standalone

import "fmt"

// KeysError reports that the server's keys cannot be used or made.
type KeysError struct {
	Dir string // Options.KeysDir
	Err error
}

func (e *KeysError) Error() string { return fmt.Sprintf("keys in %s: %v", e.Dir, e.Err) }

// Unwrap returns the cause.
func (e *KeysError) Unwrap() error { return e.Err }

// KubeconfigError reports that the admin's kubeconfig cannot be written.
type KubeconfigError struct {
	Path string // Options.Kubeconfig
	Err  error
}

func (e *KubeconfigError) Error() string { return fmt.Sprintf("kubeconfig %s: %v", e.Path, e.Err) }

// Unwrap returns the cause.
func (e *KubeconfigError) Unwrap() error { return e.Err }

// CertificateError reports that the serving certificate cannot be used.
type CertificateError struct {
	Path string // Options.CertFile
	Err  error
}

func (e *CertificateError) Error() string {
	return fmt.Sprintf("serving certificate %s: %v", e.Path, e.Err)
}

// Unwrap returns the cause.
func (e *CertificateError) Unwrap() error { return e.Err }
