package main

import (
	"fmt"
	"io"

	"github.com/mckinsey/ark-server/internal/server"
	"github.com/mckinsey/ark-server/internal/version"
)

func announceInCluster(out io.Writer, o *options, s *server.Server) {
	if o.logFormat == "json" {
		fields := []any{
			"version", version.Ark(), "kubernetes", version.Kubernetes(),
			"storage", s.Summary, "address", s.Address, "cluster", s.Cluster,
		}
		asJSON(out).Info("ready", append(fields, listeners(s)...)...)
		return
	}
	fmt.Fprintf(out, `ark-server %s (Kubernetes %s) is ready
  storage     %s
  serving     https://%s
  cluster     %s
`, version.Ark(), version.Kubernetes(), s.Summary, s.Address, s.Cluster)
	announceListeners(out, s)
	fmt.Fprint(out, `
An APIService sends the cluster's requests here. To see whether it does:
  kubectl get apiservices | grep ark.mckinsey.com
`)
}
