package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/mckinsey/ark-server/internal/operation"
)

// ask reports whether the server with these options runs, and returns its report. The report is nil
// if this user may not read it. problem is the reason that the server is not ready.
func (o *options) ask(ctx context.Context) (url string, running bool, report *operation.Report, problem string) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	url, err := o.url()
	if err != nil {
		return "", false, nil, err.Error()
	}
	if err := askReady(ctx, url+"/readyz", o.probeTLS()); err != nil {
		var notReady notReadyError
		problem = err.Error()
		running = errors.As(err, &notReady)
		if isForeignCertificate(err) {
			problem = fmt.Sprintf("another program answers at %s: %v", url, err)
		}
		if !running && o.writtenURL() != "" {
			problem += fmt.Sprintf(" (the address is that in %s, of the last start)", o.kubeconfig())
		}
	} else {
		running = true
	}
	if running && o.mode == modeStandalone {
		// In a cluster only kube-apiserver can authenticate this user.
		report = o.askReport(ctx, url)
	}
	return url, running, report, problem
}

// askTimeout leaves time for the other checks when a process listens and does not answer.
const askTimeout = 10 * time.Second

func isForeignCertificate(err error) bool {
	var unverified *tls.CertificateVerificationError
	return errors.As(err, &unverified)
}

// askReport returns nil if there is no report, or if this user may not read it.
func (o *options) askReport(ctx context.Context, url string) *operation.Report {
	keys, err := o.readKeys()
	if err != nil {
		return nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(keys.CA()) {
		return nil // the token is sent only to a server that the CA verifies
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/debug/store", nil)
	if err != nil {
		return nil
	}
	request.Header.Set("Authorization", "Bearer "+keys.Token())
	request.Header.Set("User-Agent", "ark-server-status")
	answer, err := client.Do(request)
	if err != nil {
		return nil
	}
	defer func() { _ = answer.Body.Close() }() // the body was only read
	report := &operation.Report{}
	if answer.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(answer.Body, maxReport)).Decode(report) != nil {
		return nil
	}
	return report
}

// maxReport is far larger than any report.
const maxReport = 16 << 20
