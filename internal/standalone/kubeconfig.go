package standalone

import (
	"crypto/tls"
	"net"
	"os"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/mckinsey/ark-server/internal/kubeconfig"
)

// AdminUser is the name of the user whose token the kubeconfig holds.
const AdminUser = "ark-admin"

// Kubeconfig returns the admin's entry for a server. It holds a secret.
func (k *Keys) Kubeconfig(name, server string) kubeconfig.Entry {
	return kubeconfig.Entry{Name: name, User: name + "-admin", Server: server, CA: k.CA(), Token: k.Token()}
}

// URL is the address at which this machine reaches a server that listens there.
func URL(listen *net.TCPAddr) string {
	host := listen.IP
	if host.IsUnspecified() {
		host = net.IPv4(127, 0, 0, 1)
	}
	return "https://" + net.JoinHostPort(host.String(), strconv.Itoa(listen.Port))
}

// servingNames are the names and addresses that the certificate covers: those of
// loopback, what the owner adds, and the address listened on, or all of this
// machine's and its name when it listens on all.
func servingNames(listen *net.TCPAddr, more []string) []string {
	names := []string{"localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	switch {
	case listen.IP.IsUnspecified():
		names = append(names, machineNames()...)
	case !listen.IP.IsLoopback():
		names = append(names, listen.IP.String())
	}
	return append(names, more...)
}

// localNames are those at which the server shows a certificate of its own authority although its
// owner gave it another one: so the admin's kubeconfig and the commands on this machine need not
// know that one.
func localNames(listen *net.TCPAddr, certFile, keyFile string) ([]string, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	names := []string{"localhost", "127.0.0.1", "::1"}
	if own := listen.IP.String(); !listen.IP.IsUnspecified() && !listen.IP.IsLoopback() && pair.Leaf.VerifyHostname(own) != nil {
		names = append(names, own)
	}
	return names, nil
}

// machineNames returns what can be found out; Options.Names adds the rest.
func machineNames() []string {
	var names []string
	if host, err := os.Hostname(); err == nil && len(validation.IsDNS1123Subdomain(host)) == 0 {
		names = append(names, host)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return names
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			names = append(names, n.IP.String())
		}
	}
	return names
}
