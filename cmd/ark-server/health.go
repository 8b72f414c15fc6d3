package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const aboutHealth = `Ask a server on this machine whether it is ready, and exit with 0 if it is and with 1
if not. In a container it finds the server by itself; else name it by the flags or
environment variables that the server was started with:

  ark-server health --secure-port=7443 --db-path=./team.db`

func newHealthCommand() *cobra.Command {
	o := newOptions()
	timeout := 5 * time.Second
	flags := group("Flags", func(fs *pflag.FlagSet) {
		fs.DurationVar(&timeout, "timeout", timeout, "how long the answer may take")
	})
	return withFlags(&cobra.Command{
		Use:   "health",
		Short: "Ask a server on this machine whether it is ready: exit code 0 or 1",
		Long:  aboutHealth,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.locate(cmd); err != nil {
				return err
			}
			url, err := o.url()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			if err := askReady(ctx, url+"/readyz", o.probeTLS()); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is ready\n", url)
			return nil
		},
	}, flags, o.locationFlags())
}

// probeTLS trusts the server's own authority if this user can read it. In a cluster the certificate
// is for the Service. The probe does not verify it, because it sends no secret; kubelet does not
// verify it either.
func (o *options) probeTLS() *tls.Config {
	if o.mode == modeStandalone {
		if keys, err := o.readKeys(); err == nil {
			pool := x509.NewCertPool()
			if pool.AppendCertsFromPEM(keys.CA()) {
				return &tls.Config{RootCAs: pool}
			}
		}
	}
	return &tls.Config{InsecureSkipVerify: true}
}

// askReady returns nil if the answer is 200, otherwise an error with the answer.
func askReady(ctx context.Context, url string, config *tls.Config) error {
	// No proxy: the server is on this machine.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	request.Header.Set("User-Agent", "ark-server-health")
	answer, err := client.Do(request)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%s does not answer in time", url)
		}
		return fmt.Errorf("no answer: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // the body was only read
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxReadyAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", url, err)
	}
	if answer.StatusCode != http.StatusOK {
		return notReadyError(fmt.Sprintf("%s is not ready: %s", url, failedChecks(string(body), answer.Status)))
	}
	return nil
}

// notReadyError is the reason that a server that answers is not ready.
type notReadyError string

func (e notReadyError) Error() string { return string(e) }

const maxReadyAnswer = 64 << 10

// failedChecks returns the lines of a failed probe that name failed checks.
func failedChecks(body, status string) string {
	var failed []string
	for line := range strings.Lines(body) {
		if check, ok := strings.CutPrefix(strings.TrimSpace(line), "[-]"); ok {
			name, _, _ := strings.Cut(check, " ")
			failed = append(failed, name)
		}
	}
	if len(failed) == 0 {
		return status
	}
	return "failed: " + strings.Join(failed, ", ")
}
