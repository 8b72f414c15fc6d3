package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/mckinsey/ark-server/internal/privatefile"
)

// Format is how an export writes objects.
type Format string

const (
	// YAML parts documents by lines of ---.
	YAML Format = "yaml"
	// NDJSON has one object per line.
	NDJSON Format = "ndjson"
)

// FormatOf is the format that a file name's extension asks for; "" if it asks for none.
func FormatOf(path string) Format {
	switch ext := filepath.Ext(path); {
	case ext == ".yaml" || ext == ".yml":
		return YAML
	case slices.Contains(extensions, ext):
		return NDJSON
	}
	return ""
}

// ErrExists refuses to write over a file.
var ErrExists = errors.New("it exists already: choose another name, or remove it")

// WriteFile writes every object of the store, as of one moment, into a new file that only its owner can read, or with
// "-" to out. The file is there only when it is complete.
func WriteFile(ctx context.Context, from *Store, path string, format Format, out io.Writer, reports Reports) (*Summary, error) {
	if path == "-" {
		return Write(ctx, from, format, out, reports)
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("write %s: %w", path, ErrExists)
	}
	file, err := privatefile.New(path)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	summary, err := Write(ctx, from, format, file, reports)
	if err == nil {
		err = file.Link()
	}
	if errors.Is(err, fs.ErrExist) {
		err = ErrExists
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return summary, fmt.Errorf("write %s: %w", path, err)
	}
	return summary, nil
}

// Write writes every object of the store, as of one moment, without their resourceVersions: those are the storage's.
func Write(ctx context.Context, from *Store, format Format, to io.Writer, reports Reports) (*Summary, error) {
	all, err := newKinds()
	if err != nil {
		return nil, err
	}
	summary := newSummary()
	stop := reports.follow(summary)
	defer stop()
	out := bufio.NewWriterSize(to, 64<<10)
	revision := int64(0)
	for _, k := range all.ordered {
		revision, err = from.scan(ctx, objectPrefix, k.place, revision, func(page []kept) error {
			for _, one := range page {
				if err := writeOne(out, format, one.value); err != nil {
					return fmt.Errorf("write %s: %w", one.path, err)
				}
				summary.count(k.Plural, Written)
			}
			return nil
		})
		if err != nil {
			return summary, err
		}
	}
	if err := out.Flush(); err != nil {
		return summary, fmt.Errorf("write the objects: %w", err)
	}
	return summary, leftOut(ctx, from, summary, reports)
}

func writeOne(to *bufio.Writer, format Format, value []byte) error {
	text := strings.TrimRight(string(value), "\n")
	if format == YAML {
		document, err := yaml.JSONToYAML(value)
		if err != nil {
			return err
		}
		text = "---\n" + strings.TrimRight(string(document), "\n")
	}
	_, err := to.WriteString(text + "\n")
	return err
}
