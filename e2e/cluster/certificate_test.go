package cluster

import (
	"crypto/tls"
	"fmt"
	"math/big"
	"os"
	"testing"

	"github.com/mckinsey/ark-server/e2e/internal/component"
)

// A renewed certificate is served without a restart, and requests go on.
func (e *env) certificateReload(t *testing.T) {
	served := func() *big.Int {
		conn, err := tls.Dial("tcp", e.ark.Direct.Host[len("https://"):], &tls.Config{InsecureSkipVerify: true}) // only the serial number is of interest
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber
	}
	before := served()
	next, err := e.ca.Serving("ark-server", fmt.Sprintf("%s.%s.svc", service, namespace), "localhost")
	if err != nil {
		t.Fatal(err)
	}
	replace(t, e.options.Serving, next)
	eventually(t, "the new certificate", func() error {
		if served().Cmp(before) == 0 {
			return fmt.Errorf("still %s", before)
		}
		return nil
	})
	e.run(t, "get", "agents", "-A")
	e.waitAvailable(t, "True")
}

// replace puts a pair in the place of another, each file at once.
func replace(t *testing.T, old, next component.Pair) {
	t.Helper()
	for to, content := range map[string][]byte{old.KeyFile: next.Key, old.CertFile: next.Cert} {
		if err := os.WriteFile(to+".new", content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(to+".new", to); err != nil {
			t.Fatal(err)
		}
	}
}
