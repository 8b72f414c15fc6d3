package component

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Cluster is a real control plane on loopback: etcd, kube-apiserver with its aggregation layer
// enabled, kube-controller-manager. It has no nodes, so it cannot run pods.
type Cluster struct {
	Etcd        *Endpoint
	API         *Process
	Controllers *Process
	// URL is the URL of the kube-apiserver.
	URL string
	// Config is a client in system:masters. Kubeconfig is the same client as a file.
	Config     *rest.Config
	Kubeconfig string
	// AuditLog is where kube-apiserver records every request's metadata.
	AuditLog string

	dir string
	ca  *Authority
}

// ClusterOptions configure a cluster.
type ClusterOptions struct {
	// Dir holds all its files.
	Dir string
	// EndpointRouting makes the aggregator send requests to the endpoints of a Service
	// (--enable-aggregator-routing) instead of to the Service.
	EndpointRouting bool
	// Kubernetes is an older release than the current one, such as 1.30; its binaries are built as
	// kube-apiserver-1.30 and kube-controller-manager-1.30.
	Kubernetes string
	// Args are added to the command line of kube-apiserver.
	Args []string
}

// binary returns the name of a component in the selected release.
func (o ClusterOptions) binary(name string) (string, error) {
	if o.Kubernetes != "" {
		name += "-" + o.Kubernetes
	}
	return Binary(name)
}

// controllers are the controllers that the tests need; each costs a few informers.
const controllers = "namespace-controller,garbage-collector-controller,serviceaccount-controller,root-ca-certificate-publisher-controller,clusterrole-aggregation-controller,resourcequota-controller"

// StartCluster starts the control plane and returns when it is ready.
func StartCluster(ctx context.Context, o ClusterOptions) (_ *Cluster, err error) {
	c := &Cluster{dir: o.Dir, AuditLog: filepath.Join(o.Dir, "audit.log"), Kubeconfig: filepath.Join(o.Dir, "admin.kubeconfig")}
	defer func() {
		if err != nil {
			c.Kill()
		}
	}()
	if c.ca, err = NewAuthority(o.Dir, "cluster-ca"); err != nil {
		return nil, err
	}
	if c.Etcd, err = StartEtcd(ctx, o.Dir); err != nil {
		return nil, err
	}
	if err := c.startAPI(o); err != nil {
		return nil, err
	}
	admin, err := c.CertUser("admin", "system:masters")
	if err != nil {
		return nil, err
	}
	c.Config = admin
	if err := WriteKubeconfig(c.Kubeconfig, admin); err != nil {
		return nil, err
	}
	if err := c.API.waitReady(ctx, func(ctx context.Context) error { return ready(ctx, c.Config) }); err != nil {
		return nil, err
	}
	return c, c.startControllers(ctx, o)
}

func (c *Cluster) startAPI(o ClusterOptions) error {
	path, err := o.binary("kube-apiserver")
	if err != nil {
		return err
	}
	port, err := FreePort() // It refuses port 0.
	if err != nil {
		return err
	}
	c.URL = fmt.Sprintf("https://127.0.0.1:%d", port)
	proxyCA, err := NewAuthority(o.Dir, "front-proxy-ca")
	if err != nil {
		return err
	}
	proxy, err := proxyCA.Client("front-proxy-client")
	if err != nil {
		return err
	}
	serving, err := c.ca.Serving("kube-apiserver", "kubernetes.default.svc", "localhost", "127.0.0.1", "10.0.0.1")
	if err != nil {
		return err
	}
	key, policy := filepath.Join(o.Dir, "service-account.key"), filepath.Join(o.Dir, "audit-policy.yaml")
	if err := writeKey(key); err != nil {
		return err
	}
	if err := os.WriteFile(policy, []byte(AuditPolicy), 0o600); err != nil {
		return fmt.Errorf("write the audit policy: %w", err)
	}
	var newer []string
	if o.Kubernetes == "" { // Kubernetes 1.30 does not forward user IDs.
		newer = append(newer, "--requestheader-uid-headers=X-Remote-Uid")
	}
	c.API, err = Start(Command{Path: path, Name: "kube-apiserver", Args: slices.Concat([]string{
		"--etcd-servers=" + c.Etcd.URL,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + serving.CertFile, "--tls-private-key-file=" + serving.KeyFile,
		// A loopback server has no address to advertise, and an Endpoints object must not contain its
		// address.
		"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24",
		"--authorization-mode=RBAC", "--client-ca-file=" + c.ca.File, "--anonymous-auth=true",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + key, "--service-account-signing-key-file=" + key,
		"--requestheader-client-ca-file=" + proxyCA.File, "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + proxy.CertFile, "--proxy-client-key-file=" + proxy.KeyFile,
		fmt.Sprintf("--enable-aggregator-routing=%t", o.EndpointRouting),
		"--audit-policy-file=" + policy, "--audit-log-path=" + c.AuditLog,
	}, newer, o.Args)})
	return err
}

// AuditPolicy records the metadata of every request once it is answered.
const AuditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

func (c *Cluster) startControllers(ctx context.Context, o ClusterOptions) error {
	path, err := o.binary("kube-controller-manager")
	if err != nil {
		return err
	}
	port, err := FreePort()
	if err != nil {
		return err
	}
	user, err := c.CertUser("system:kube-controller-manager")
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(c.dir, "controllers.kubeconfig")
	if err := WriteKubeconfig(kubeconfig, user); err != nil {
		return err
	}
	c.Controllers, err = Start(Command{Path: path, Name: "kube-controller-manager", Args: []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port), "--cert-dir=" + filepath.Join(c.dir, "controllers"),
		"--leader-elect=false", "--use-service-account-credentials", "--root-ca-file=" + c.ca.File,
		"--service-account-private-key-file=" + filepath.Join(c.dir, "service-account.key"),
		"--controllers=" + controllers,
		// By default, a quota for a kind that appeared later is counted after five minutes.
		"--resource-quota-sync-period=5s",
	}})
	if err != nil {
		return err
	}
	probe := &rest.Config{Host: fmt.Sprintf("https://127.0.0.1:%d", port), TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
	return c.Controllers.waitReady(ctx, func(ctx context.Context) error { return get(ctx, probe, "/healthz") })
}

// CertUser returns a client that authenticates with a certificate.
func (c *Cluster) CertUser(name string, groups ...string) (*rest.Config, error) {
	pair, err := c.ca.Client(name, groups...)
	if err != nil {
		return nil, err
	}
	return &rest.Config{Host: c.URL, TLSClientConfig: rest.TLSClientConfig{CAData: c.ca.PEM, CertData: pair.Cert, KeyData: pair.Key}}, nil
}

// TokenUser returns a client that authenticates with a bearer token.
func (c *Cluster) TokenUser(token string) *rest.Config {
	return &rest.Config{Host: c.URL, BearerToken: token, TLSClientConfig: rest.TLSClientConfig{CAData: c.ca.PEM}}
}

// WriteKubeconfig writes a client configuration as a file.
func WriteKubeconfig(path string, config *rest.Config) error {
	return writeKubeconfig(path, config, "")
}

func writeKubeconfig(path string, config *rest.Config, namespace string) error {
	k := clientcmdapi.NewConfig()
	k.Clusters["cluster"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	k.AuthInfos["user"] = &clientcmdapi.AuthInfo{Token: config.BearerToken, ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	k.Contexts["default"] = &clientcmdapi.Context{Cluster: "cluster", AuthInfo: "user", Namespace: namespace}
	k.CurrentContext = "default"
	if err := clientcmd.WriteToFile(*k, path); err != nil {
		return fmt.Errorf("write a kubeconfig: %w", err)
	}
	return nil
}

// Stop ends the controllers, then the apiserver, then etcd.
func (c *Cluster) Stop() error {
	var errs []error
	for _, p := range c.processes() {
		errs = append(errs, p.Stop())
	}
	return errors.Join(errs...)
}

// Kill ends all processes at once.
func (c *Cluster) Kill() {
	for _, p := range c.processes() {
		p.Kill()
	}
}

func (c *Cluster) processes() []*Process {
	var all []*Process
	for _, p := range []*Process{c.Controllers, c.API} {
		if p != nil {
			all = append(all, p)
		}
	}
	if c.Etcd != nil {
		all = append(all, c.Etcd.Process)
	}
	return all
}
