package etcdserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mckinsey/ark-server/internal/privatefile"
)

// UnprotectedError is Listen's answer for an address that others than users of this machine reach,
// where the listener would not demand client certificates.
type UnprotectedError struct{ Port string }

func (e *UnprotectedError) Error() string {
	return fmt.Sprintf("anyone who reaches this address could read and change everything: use a loopback address such as tcp://127.0.0.1:%s, a unix socket, or demand client certificates", e.Port)
}

// Listen opens an address: unix:///path or tcp://host:port (port 0 picks a free one). Its errors
// say what is wrong and what to do, and do not name the address. The protocol has no authentication
// of its own, so a TCP address must be a loopback one unless config demands client certificates;
// config itself is not applied here but by Serve (Options.TLS). A unix socket is readable and
// writable by its owner only; one that a killed process left behind is replaced.
func Listen(address string, config *tls.Config) (net.Listener, error) {
	fail := func(format string, args ...any) (net.Listener, error) {
		return nil, fmt.Errorf(format, args...)
	}
	u, err := url.Parse(address)
	if err != nil {
		return fail("not an address: use unix:///path/to/socket or tcp://127.0.0.1:2379")
	}
	switch u.Scheme {
	case "unix":
		path := u.Host + u.Path // unix://relative/path is accepted too
		if path == "" {
			return fail("the path is missing: use unix:///path/to/socket")
		}
		lis, err := listenUnix(path)
		if err != nil {
			return fail("%w", err)
		}
		return lis, nil
	case "tcp":
		if u.Port() == "" || u.Hostname() == "" {
			return fail("host or port is missing: use tcp://127.0.0.1:2379")
		}
		if !isLoopback(u.Hostname()) && !DemandsClientCertificate(config) {
			return nil, &UnprotectedError{u.Port()}
		}
		network := "tcp"
		if ip := net.ParseIP(u.Hostname()); ip != nil && ip.To4() != nil {
			network = "tcp4" // Go would listen on IPv6, too, for 0.0.0.0
		}
		lis, err := net.Listen(network, u.Host)
		if err != nil {
			return fail("%w: choose another port, or 0 for any free one", err)
		}
		return lis, nil
	}
	return fail("unknown scheme %q: use unix:///path/to/socket or tcp://127.0.0.1:2379", u.Scheme)
}

// DemandsClientCertificate reports whether only clients with a certificate get in.
func DemandsClientCertificate(c *tls.Config) bool {
	return c != nil && c.ClientAuth == tls.RequireAndVerifyClientCert && c.ClientCAs != nil
}

// isLoopback resolves no names but "localhost": what a name means may change
// later.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func listenUnix(path string) (net.Listener, error) {
	if err := privatefile.CheckFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	// Bound under a private umask, so that it is never open to others. The
	// umask is the process's, but this runs once, at the start.
	old := syscall.Umask(0o177)
	lis, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("open the socket: %w (the folder must exist and be writable, and the path be shorter than 108 bytes)", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = lis.Close()
		return nil, fmt.Errorf("protect the socket: %w", err)
	}
	return lis, nil
}

// removeStale removes a socket on which nobody listens, and nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the socket: %w", err)
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("%s exists and is not a socket: choose another path or remove it", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = conn.Close()
		return fmt.Errorf("another process listens on %s: stop it or choose another path", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("cannot tell whether another process listens on %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the stale socket: %w", err)
	}
	return nil
}

// clientURL is how etcd's clients name the address of a listener.
func clientURL(a net.Addr, secure bool) string {
	switch {
	case a.Network() == "unix":
		return "unix://" + a.String()
	case secure:
		return "https://" + a.String()
	default:
		return "http://" + a.String()
	}
}
