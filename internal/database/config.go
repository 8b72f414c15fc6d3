package database

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Config is one database on a server. Either DSNFile is set, or Host, Name and
// User are; the rest has defaults.
type Config struct {
	// Host is a name, an IP address, or the folder of a Unix socket (then it begins
	// with a slash).
	Host string
	// Port is a TCP port; 0 is the server's usual one.
	Port int
	Name string
	User string
	// Password, or the file that holds it; a trailing line break is not part of it.
	// Both empty: none is sent.
	Password     Secret
	PasswordFile string
	TLS          TLS
	// DSNFile holds one line in the driver's own notation that says all of the
	// above.
	DSNFile string

	// MaxConnections bounds the pool; 0 is the engine's default.
	MaxConnections int
	// Timeout bounds each statement and each attempt to connect; 0 is the
	// engine's default.
	Timeout time.Duration
}

// TLS says how a connection is protected.
type TLS struct {
	// Mode is empty for the engine's default.
	Mode TLSMode
	// CAFile holds the PEM certificates of the authorities trusted; empty for
	// the system's.
	CAFile string
	// CertFile and KeyFile hold the client's certificate and key; both or neither.
	CertFile, KeyFile string
}

// TLSMode is what a connection demands of the server, in libpq's words.
type TLSMode string

const (
	TLSDisable    TLSMode = "disable"
	TLSPrefer     TLSMode = "prefer"      // encrypted where the server can
	TLSRequire    TLSMode = "require"     // encrypted, with whoever answers
	TLSVerifyCA   TLSMode = "verify-ca"   // and its certificate is from the authority
	TLSVerifyFull TLSMode = "verify-full" // and is the host's
)

// Secret is a string that prints as stars.
type Secret string

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "****"
}

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return s.String() }

// ReadPassword returns the password as it is now.
func (c *Config) ReadPassword() (string, error) {
	if c.PasswordFile == "" {
		return string(c.Password), nil
	}
	return readLine(c.PasswordFile)
}

// ReadDSN returns the line in DSNFile as it is now.
func (c *Config) ReadDSN() (string, error) { return readLine(c.DSNFile) }

func readLine(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line := strings.TrimRight(string(b), "\r\n")
	if strings.ContainsAny(line, "\r\n") {
		return "", fmt.Errorf("%s holds more than one line", path)
	}
	return line, nil
}
