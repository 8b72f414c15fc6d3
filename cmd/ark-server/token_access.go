package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mckinsey/ark-server/internal/server"
	"github.com/mckinsey/ark-server/internal/standalone"
	"github.com/mckinsey/ark-server/internal/token"
)

// tokens manages tokens, either through a running server or in the database.
type tokens interface {
	create(context.Context, token.Request) (text string, err error)
	list(context.Context) ([]token.Token, error)
	revoke(ctx context.Context, id string) (*token.Token, error)
}

// serverFlags returns the flags by which a command finds a running server, and, if none runs, its
// storage.
func (o *options) serverFlags() []flagGroup {
	storage := o.storageFlags()
	stored := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, g := range storage {
		stored.AddFlagSet(g.flags)
	}
	where := group("Which server, by the flags that it was started with", func(fs *pflag.FlagSet) {
		o.locationFlags().flags.VisitAll(func(f *pflag.Flag) {
			if stored.Lookup(f.Name) == nil {
				fs.AddFlag(f)
			}
		})
	})
	return append([]flagGroup{where}, storage...)
}

// openTokens connects to a running server, or opens its database. The second result closes the
// connection or the database.
func (o *options) openTokens(cmd *cobra.Command) (tokens, func() error, error) {
	if err := o.locate(cmd); err != nil {
		return nil, nil, err
	}
	if o.mode == modeAggregated {
		return nil, nil, usageError{fmt.Errorf("--mode=%s: users of a server in a cluster come from the cluster", o.mode)}
	}
	if err := o.validate(); err != nil {
		return nil, nil, usageError{err}
	}
	served, unreachable := o.runningServer(cmd.Context())
	if unreachable == nil {
		return served, func() error { return nil }, nil
	}
	if err := o.checkGivenFiles(); err != nil {
		return nil, nil, err
	}
	client, err := server.OpenClient(cmd.Context(), o.data())
	if err != nil {
		return nil, nil, fmt.Errorf("no server answers (%w), and its database cannot be opened instead: %w", unreachable, o.withTransferFlags(err))
	}
	if client.Side == nil {
		return nil, nil, errors.Join(fmt.Errorf("--storage=%s: an external etcd has no place for tokens: give users client certificates, or let an issuer outside know them (--oidc-issuer-url)", o.storage), client.Close())
	}
	return storedTokens{token.New(client.Side, time.Now)}, client.Close, nil
}

// storedTokens manages the tokens in a database directly, without a server.
type storedTokens struct{ *token.Store }

func (s storedTokens) create(ctx context.Context, r token.Request) (string, error) {
	_, text, err := s.Create(ctx, r)
	return text, err
}

func (s storedTokens) list(ctx context.Context) ([]token.Token, error) { return s.List(ctx) }

func (s storedTokens) revoke(ctx context.Context, id string) (*token.Token, error) {
	return s.Revoke(ctx, id)
}

// tokenTimeout limits one request to a server.
const tokenTimeout = 30 * time.Second

// servedTokens manages the tokens of a running server, with the admin's credentials.
type servedTokens struct {
	client *http.Client
	url    string
	token  string
}

// runningServer returns the server with these options, or the reason that it cannot be reached.
func (o *options) runningServer(ctx context.Context) (*servedTokens, error) {
	keys, err := o.readKeys()
	if err != nil {
		return nil, err
	}
	address, err := o.url()
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(keys.CA())
	// No proxy: the server is on this machine.
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	s := &servedTokens{&http.Client{Timeout: tokenTimeout, Transport: &http.Transport{TLSClientConfig: config}}, address, keys.Token()}
	// Any process with a certificate of this authority is the server.
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/livez/ping", nil)
	if err != nil {
		return nil, err
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	return s, answer.Body.Close()
}

// ask sends a request for tokens.
func (s servedTokens) ask(ctx context.Context, method, path string, body, into any) error {
	return s.call(ctx, method, standalone.TokensPath+path, body, into)
}

// call sends a request to the server, and decodes the answer.
func (s servedTokens) call(ctx context.Context, method, path string, body, into any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, content)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "ark-server-token")
	answer, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // the body was only read
	if answer.StatusCode < 300 {
		return json.NewDecoder(answer.Body).Decode(into)
	}
	var status metav1.Status
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxReadyAnswer)).Decode(&status); err != nil || status.Message == "" {
		return fmt.Errorf("%s answers %s", s.url, answer.Status)
	}
	return &apierrors.StatusError{ErrStatus: status}
}

func (s servedTokens) create(ctx context.Context, r token.Request) (string, error) {
	var made standalone.NewToken
	err := s.ask(ctx, http.MethodPost, "", r, &made)
	return made.Text, err
}

func (s servedTokens) list(ctx context.Context) ([]token.Token, error) {
	var all standalone.TokenList
	err := s.ask(ctx, http.MethodGet, "", nil, &all)
	return all.Items, err
}

func (s servedTokens) revoke(ctx context.Context, id string) (*token.Token, error) {
	gone := &token.Token{}
	err := s.ask(ctx, http.MethodDelete, "/"+url.PathEscape(id), nil, gone)
	if apierrors.IsNotFound(err) {
		err = token.ErrNotFound
	}
	return gone, err
}
