package transfer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files are a Source of YAML and JSON documents: manifests, what kubectl get -o yaml prints, what
// an export wrote.
type Files struct {
	name  string
	paths []string
	stdin io.Reader
}

var _ Source = &Files{}

// extensions are those of the files that are taken from a folder.
var extensions = []string{".yaml", ".yml", ".json", ".ndjson", ".jsonl"}

// OpenFiles returns the source that a path names: a file, all files of a folder and the folders in
// it, or with "-" what comes from stdin.
func OpenFiles(path string, stdin io.Reader) (*Files, error) {
	if path == "-" {
		return &Files{name: "standard input", stdin: stdin}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open the source: %w", err)
	}
	if !info.IsDir() {
		return &Files{name: path, paths: []string{path}}, nil
	}
	f := &Files{name: path}
	err = filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && slices.Contains(extensions, filepath.Ext(at)) {
			f.paths = append(f.paths, at)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look into the folder: %w", err)
	}
	if len(f.paths) == 0 {
		return nil, fmt.Errorf("the folder %s holds no file that ends in %s", path, strings.Join(extensions, ", "))
	}
	return f, nil
}

// ID implements Source. Files have no identity: what one brought another may change, as with
// kubectl apply.
func (f *Files) ID() string { return "files" }

// String names the source in messages.
func (f *Files) String() string { return f.name }

// Serves implements Source. What a file does not name is not thereby deleted.
func (f *Files) Serves(string) bool { return false }

// Objects implements Source.
func (f *Files) Objects(_ context.Context, batch func([]Item) error) error {
	if f.stdin != nil {
		return readDocuments(f.name, "", f.stdin, batch)
	}
	for _, path := range f.paths {
		if err := readFile(path, batch); err != nil {
			return err
		}
	}
	return nil
}

func readFile(path string, batch func([]Item) error) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the source: %w", err)
	}
	defer file.Close()
	return readDocuments(path, filepath.Ext(path), file, batch)
}

// SyntaxError is a document that cannot be read. What came before it has been taken.
type SyntaxError struct {
	File string
	Line int
	Err  error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s, line %d: %v", e.File, e.Line, e.Err) }

func (e *SyntaxError) Unwrap() error { return e.Err }

// readDocuments takes a stream of JSON values or of YAML documents apart.
func readDocuments(name, extension string, from io.Reader, batch func([]Item) error) error {
	in := bufio.NewReaderSize(from, 64<<10)
	isJSON := slices.Contains([]string{".json", ".ndjson", ".jsonl"}, extension)
	if extension == "" {
		isJSON = looksLikeJSON(in)
	}
	b := &batcher{batch: batch}
	read := readYAML
	if isJSON {
		read = readJSON
	}
	if err := read(name, in, b.add); err != nil {
		return errors.Join(b.flush(), err)
	}
	return b.flush()
}

func looksLikeJSON(in *bufio.Reader) bool {
	head, _ := in.Peek(512) // a read error comes again with the next read
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	return bytes.HasPrefix(head, []byte("{"))
}

// batcher hands objects on some at a time.
type batcher struct {
	batch func([]Item) error
	items []Item
	bytes int
}

// batchBytes limits the size of a batch, in addition to its number of objects: large ones go on a
// few at a time.
const batchBytes = 32 << 20

func (b *batcher) flush() error {
	items := b.items
	b.items, b.bytes = nil, 0
	if len(items) == 0 {
		return nil
	}
	return b.batch(items)
}

// add takes a document: an object, or a list of them.
func (b *batcher) add(text []byte, where string) error {
	var head struct {
		APIVersion string             `json:"apiVersion"`
		Kind       string             `json:"kind"`
		Items      *[]json.RawMessage `json:"items"`
	}
	if json.Unmarshal(text, &head) == nil && strings.HasSuffix(head.Kind, "List") && head.Items != nil {
		for n, item := range *head.Items {
			if kind := strings.TrimSuffix(head.Kind, "List"); kind != "" {
				item = withKind(item, head.APIVersion, kind)
			}
			if err := b.one(Item{Text: item, Where: fmt.Sprintf("%s, item %d", where, n+1)}); err != nil {
				return err
			}
		}
		return nil
	}
	return b.one(Item{Text: text, Where: where})
}

func (b *batcher) one(item Item) error {
	b.items = append(b.items, item)
	b.bytes += len(item.Text)
	if len(b.items) < pageSize && b.bytes < batchBytes {
		return nil
	}
	return b.flush()
}
