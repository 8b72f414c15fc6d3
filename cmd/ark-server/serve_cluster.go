package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/mckinsey/ark-server/internal/aggregated"
	"github.com/mckinsey/ark-server/internal/version"
)

type clusterServer struct {
	*aggregated.Server
	options *options
	// address is where it listens, cluster the URL of the kube-apiserver.
	address, cluster string
}

func newClusterServer(ctx context.Context, o *options, listener net.Listener, data *storage) (server, error) {
	config, err := aggregated.ClusterConfig(o.cluster.kubeconfig)
	switch {
	case errors.Is(err, aggregated.ErrNotInCluster):
		return nil, errors.New("--mode=aggregated: not running in a pod: name the cluster with --kubeconfig=file, or serve without one with --mode=standalone")
	case err != nil:
		return nil, fmt.Errorf("--kubeconfig=%s: %w", o.cluster.kubeconfig, err)
	}
	settings := o.cluster.server
	settings.Listener, settings.Cluster, settings.TracingFile = listener, config, o.tracingFile
	settings.MaxObjectBytes, settings.MaxObjectAdvice = int(o.maxObjectSize), o.objectSizeAdvice()
	settings.Findings = data.findings
	if settings.ModelURLs, err = o.modelURLs.policy(); err != nil {
		return nil, err
	}
	s, err := aggregated.New(ctx, settings, data)
	if err != nil {
		return nil, withClusterFix(err)
	}
	return clusterServer{Server: s, options: o, address: listener.Addr().String(), cluster: config.Host}, nil
}

// withClusterFix says what to grant or to set where the cluster refuses the server
// something.
func withClusterFix(err error) error {
	var trust *aggregated.TrustError
	if errors.As(err, &trust) {
		return fmt.Errorf("%w: bind the Role extension-apiserver-authentication-reader of kube-system to this server's account; "+
			"if the ConfigMap has no requestheader-client-ca-file, the cluster's aggregation layer is off (kube-apiserver --requestheader-client-ca-file)", err)
	}
	var missing []string
	for _, p := range permissionErrors(err) {
		fix := "bind the ClusterRole system:auth-delegator to it"
		if p.Namespace != "" {
			fix = "bind the Role extension-apiserver-authentication-reader of that namespace to it"
		}
		if p.Plugin != "" {
			fix = "grant it, or do without: --disable-admission-plugins=" + p.Plugin
		}
		missing = append(missing, fmt.Sprintf("%s (%s)", p.Error(), fix))
	}
	if len(missing) > 0 {
		return errors.New(strings.Join(missing, "; "))
	}
	return err
}

// permissionErrors returns those in a tree of errors.
func permissionErrors(err error) []*aggregated.PermissionError {
	switch e := err.(type) {
	case *aggregated.PermissionError:
		return []*aggregated.PermissionError{e}
	case interface{ Unwrap() []error }:
		var found []*aggregated.PermissionError
		for _, each := range e.Unwrap() {
			found = append(found, permissionErrors(each)...)
		}
		return found
	}
	if inner := errors.Unwrap(err); inner != nil {
		return permissionErrors(inner)
	}
	return nil
}

func (s clusterServer) generic() *genericapiserver.GenericAPIServer { return s.Generic }

func (s clusterServer) announce(out io.Writer, storage string) {
	if s.options.logFormat == "json" {
		asJSON(out).Info("ready", "version", version.Ark(), "kubernetes", version.Kubernetes(),
			"storage", storage, "address", s.address, "cluster", s.cluster)
		return
	}
	fmt.Fprintf(out, `ark-server %s (Kubernetes %s) is ready
  storage     %s
  serving     https://%s
  cluster     %s

An APIService sends the cluster's requests here. To see whether it does:
  kubectl get apiservices | grep ark.mckinsey.com
`, version.Ark(), version.Kubernetes(), storage, s.address, s.cluster)
}
