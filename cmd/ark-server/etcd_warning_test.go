package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// TestEtcdPortWarning checks that the warning about a port that every user of the machine can use
// names the alternative.
func TestEtcdPortWarning(t *testing.T) {
	var log bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(old)
	warnOfPort("tcp://127.0.0.1:2379")
	for _, want := range []string{"--etcd-listen=unix:///", "tcp://127.0.0.1:2379"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q does not name %s", log.String(), want)
		}
	}
}
