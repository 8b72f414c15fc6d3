package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"

	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/server"
)

// chatOptions are the addresses, in addition to the HTTPS port, of the OpenAI API and of the broker
// of streams.
type chatOptions struct {
	chat         string
	listen       string
	public       bool
	brokerListen string
	brokerURL    string
	origins      []string
}

const (
	chatOn  = "on"
	chatOff = "off"
)

func (o *chatOptions) add(fs *pflag.FlagSet) {
	fs.StringVar(&o.chat, "chat", o.chat, "`on|off`: serve /v1, OpenAI's API, /mcp, and the subresources proxy and log of Ark's objects")
	fs.StringVar(&o.listen, "http-listen", "", "also serve /v1, OpenAI's API, and /mcp without TLS at this `host:port`, such as 127.0.0.1:8080, for SDKs on this machine; an API key is needed there, too")
	fs.BoolVar(&o.public, "http-insecure-public", false, "let --http-listen be beyond loopback, where everybody on the way can read API keys and answers")
	fs.StringSliceVar(&o.origins, "cors-allowed-origins", nil, "`origins` of web pages that may use /v1, such as https://chat.example.com; * for all")
	fs.StringVar(&o.brokerListen, "broker-listen", "", "also serve the broker, which Ark's engines write streams to, at this `host:port`, without TLS and authentication, as they use it: keep it to the engines' network")
	fs.StringVar(&o.brokerURL, "broker-url", "", "the `URL` at which engines reach --broker-listen, such as http://ark-broker.ark-system (default that address itself)")
}

// validateChat returns every fault of the chat flags.
func (o *options) validateChat() error {
	c := &o.chat
	errs := []error{checkValue("chat", c.chat, chatOn, chatOff)}
	if c.chat == chatOff && (c.listen != "" || len(c.origins) > 0) {
		errs = append(errs, errors.New("--http-listen and --cors-allowed-origins are without effect with --chat=off: leave them out, or use --chat=on"))
	}
	if u, err := url.Parse(c.brokerURL); c.brokerURL != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "") {
		errs = append(errs, fmt.Errorf("--broker-url=%s: use a URL of http or https, such as http://ark-broker.ark-system", c.brokerURL))
	}
	if c.brokerURL != "" && c.brokerListen == "" {
		errs = append(errs, errors.New("--broker-url is without effect: add --broker-listen, or leave it out"))
	}
	for flag, address := range map[string]string{"http-listen": c.listen, "broker-listen": c.brokerListen} {
		if _, _, err := net.SplitHostPort(address); address != "" && err != nil {
			errs = append(errs, fmt.Errorf("--%s=%s: %w: use host:port, such as 127.0.0.1:8080", flag, address, err))
		}
	}
	if c.listen != "" && !c.public && !onLoopback(c.listen) {
		errs = append(errs, fmt.Errorf("--http-listen=%s: without TLS everybody on the way can read API keys and answers: use 127.0.0.1:8080, or the HTTPS port, or accept that with --http-insecure-public", c.listen))
	}
	if c.public && c.listen == "" {
		errs = append(errs, errors.New("--http-insecure-public is without effect: add --http-listen, or leave it out"))
	}
	for _, origin := range c.origins {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "") {
			errs = append(errs, fmt.Errorf("--cors-allowed-origins=%s: use a scheme and a host, such as https://chat.example.com, or *", origin))
		}
	}
	return errors.Join(errs...)
}

// onLoopback reports whether an address is reachable only from this machine.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// server returns the chat options of the server.
func (o *chatOptions) server() server.ChatOptions {
	return server.ChatOptions{Off: o.chat == chatOff, Listen: o.listen, BrokerListen: o.brokerListen, BrokerURL: o.brokerURL, Origins: o.origins}
}

// warnOfBroker warns that the broker has no authentication, so that other machines have access.
func (o *chatOptions) warnOfBroker() {
	if o.brokerListen != "" && !onLoopback(o.brokerListen) {
		slog.Warn("whoever reaches --broker-listen can read and write the streams and conversations of all namespaces",
			"address", o.brokerListen, "fix", "let only the engines reach it, by a firewall or a NetworkPolicy")
	}
}
