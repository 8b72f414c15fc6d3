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

// WriteFile writes every object of the store, as of one moment, into a new file that only its owner
// can read, or with "-" to out. The file is there only when it is complete.
func WriteFile(ctx context.Context, from *Store, path string, format Format, out io.Writer, o WriteOptions) (*Summary, error) {
	if path == "-" {
		return Write(ctx, from, format, out, o)
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("write %s: %w", path, ErrExists)
	}
	file, err := privatefile.New(path)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	summary, err := Write(ctx, from, format, file, o)
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

// WriteOptions say what a file gets.
type WriteOptions struct {
	// Secrets writes Secrets too. Without it they are counted as LeftOut.
	Secrets bool
	// Reports is told of every object that needs attention, and of the progress.
	Reports Reports
}

// Write writes every object of the store, as of one moment, without their resourceVersions: those
// are the storage's.
func Write(ctx context.Context, from *Store, format Format, to io.Writer, o WriteOptions) (*Summary, error) {
	all, err := newKinds()
	if err != nil {
		return nil, err
	}
	summary := newSummary()
	stop := o.Reports.follow(summary)
	defer stop()
	out := bufio.NewWriterSize(to, 64<<10)
	revision := int64(0)
	serves, err := from.serves(ctx)
	if err != nil {
		return summary, err
	}
	if serves == cluster {
		o.Reports.line("note: the storage is a cluster's own: its Namespaces, ConfigMaps and Secrets stay there")
	}
	var left leftOut
	// Objects that Ark's objects own come after them, in a separate pass.
	for _, pass := range append(passes(all.ordered, false), passes(coreKinds()[1:], true)...) {
		k := pass.kind
		if k.core && serves == cluster {
			continue
		}
		revision, err = from.scan(ctx, objectPrefix, k.place, revision, func(page []kept) error {
			for _, one := range page {
				if k.core {
					take, owned, err := writable(all, k, &one)
					switch {
					case err != nil && k.Plural == secrets && !o.Secrets && isEncrypted(one.value): // the key need not be there
						if !pass.owned {
							left.add(summary, k.Plural, strings.TrimPrefix(one.path, k.place))
						}
						continue
					case err != nil:
						if !pass.owned {
							summary.count(k.Plural, Refused)
							o.Reports.line("%s: what is stored cannot be read: it is damaged, or encrypted", one.path)
						}
						continue
					case !take || owned != pass.owned:
						continue
					case k.Plural == secrets && !o.Secrets:
						left.add(summary, k.Plural, strings.TrimPrefix(one.path, k.place))
						continue
					}
				}
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
	left.report(o.Reports, notAsked)
	if serves == standalone {
		err = from.reportStays(ctx, all.ordered, o.Reports)
	}
	return summary, err
}

// pass writes the objects of one kind, of the core group either those that Ark's objects own or the
// others.
type pass struct {
	kind  *kind
	owned bool
}

func passes(of []*kind, owned bool) []pass {
	var all []pass
	for _, k := range of {
		all = append(all, pass{k, owned})
	}
	return all
}

// writable reads an object of the core group, and says whether it is one to be moved and whether
// Ark's objects own it. Of a server's own namespace it leaves what users gave it.
func writable(all *kinds, k *kind, one *kept) (take, owned bool, err error) {
	read, err := all.read(one.value)
	if err != nil || read.path() != one.path || read.kind != k {
		return false, false, errors.New("not an object of its kind")
	}
	if !read.ownNamespace() {
		return true, all.ownedByArk(read), nil
	}
	if !read.reduce() {
		return false, false, nil
	}
	one.value, err = encodeJSON(read.content)
	return true, false, err
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
