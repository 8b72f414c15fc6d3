package main

import (
	"errors"
	"fmt"
	"net"
)

// validatePeers returns every fault of the flags by which replicas find each other.
func (o *options) validatePeers() error {
	if o.peerListen == "" {
		if o.peerAddress != "" {
			return fmt.Errorf("--peer-address=%s: needs --peer-listen, such as --peer-listen=0.0.0.0:6444", o.peerAddress)
		}
		return nil
	}
	if !o.onServer() {
		return fmt.Errorf("--peer-listen=%s: a database of --storage=%s has one replica, or others that are not ark-server's: leave it out", o.peerListen, o.storage)
	}
	var errs []error
	host, _, err := net.SplitHostPort(o.peerListen)
	if err != nil {
		errs = append(errs, fmt.Errorf("--peer-listen=%s: %w: use host:port, such as 10.0.0.7:6444", o.peerListen, err))
	}
	if o.peerAddress != "" {
		to, port, err := net.SplitHostPort(o.peerAddress)
		if err != nil || to == "" || port == "" || port == "0" {
			errs = append(errs, fmt.Errorf("--peer-address=%s: use host:port, such as 10.0.0.7:6444", o.peerAddress))
		}
	} else if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		errs = append(errs, fmt.Errorf("--peer-listen=%s: the others cannot call %q: listen on this machine's own address, or name it in --peer-address", o.peerListen, host))
	}
	return errors.Join(errs...)
}
