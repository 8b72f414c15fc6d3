package server

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"testing"
)

// TestReadModelOfAStoppedStart checks that a start that is stopped while it opens the read model
// reports no error of the file.
func TestReadModelOfAStoppedStart(t *testing.T) {
	var logged bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	model, closeModel := openReadModel(ctx, Options{ReadModel: ReadModelOptions{Path: filepath.Join(t.TempDir(), "read.db")}}, nil, "a store", nil)
	if model != nil {
		t.Error("a stopped start has a read model")
	}
	if err := closeModel(); err != nil {
		t.Error(err)
	}
	if logged.Len() > 0 {
		t.Errorf("logged: %s", &logged)
	}
}
