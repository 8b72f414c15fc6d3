package standalone

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// adminUser is the name of the user whose token the kubeconfig holds.
const adminUser = "ark-admin"

// writeKubeconfig writes a kubeconfig for the admin. It holds a secret.
func writeKubeconfig(path, server string, keys *Keys) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["ark"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: keys.CA()}
	config.AuthInfos[adminUser] = &clientcmdapi.AuthInfo{Token: keys.Token()}
	config.Contexts["ark"] = &clientcmdapi.Context{Cluster: "ark", AuthInfo: adminUser, Namespace: "default"}
	config.CurrentContext = "ark"
	content, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encode the admin's kubeconfig: %w", err)
	}
	return writeFile(path, content, secretMode)
}

// serverURL is the address at which this machine reaches the server.
func serverURL(listen *net.TCPAddr) string {
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
