package main

import (
	"errors"

	"github.com/mckinsey/ark-server/internal/server"
)

const (
	historyOn  = "on"
	historyOff = "off"
)

func (o *options) validateHistory() error {
	if o.historyChain && !o.keepsHistory() {
		return errors.New("--history-chain: there is no history to chain: leave the flag out, or use --history=on with --storage=sqlite, postgresql or mysql")
	}
	if o.history == "" {
		return nil
	}
	if err := checkValue("history", o.history, historyOn, historyOff); err != nil {
		return err
	}
	if o.history == historyOn && server.Kind(o.storage) == server.Etcd {
		return errors.New("--history=on: an external etcd keeps no history: use --storage=sqlite, postgresql or mysql, or leave the flag out")
	}
	return nil
}

// keepsHistory reports whether old versions of objects are kept.
func (o *options) keepsHistory() bool {
	return o.history != historyOff && server.Kind(o.storage) != server.Etcd
}
