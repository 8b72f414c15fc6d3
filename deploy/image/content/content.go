// Package content says what the image of ark-server contains and how it is started. The archive,
// the Dockerfile and the tests take it from here.
package content

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// User is the user and the group of the server in a container.
const User = 65532

// Program is where the binary is.
const Program = "/usr/local/bin/ark-server"

// Data is the volume, and the working folder: the server's defaults are relative to it.
const Data = "/data"

// Port is what the server listens on.
const Port = "6443/tcp"

// Env is the environment. Arguments of "docker run" replace a CMD, so there is none: defaults are
// set here.
func Env() []string {
	return []string{
		"PATH=/usr/local/bin",
		"container=oci",
		"ARK_BIND_ADDRESS=0.0.0.0",
		fmt.Sprintf("ARK_RUN_AS=%d:%[1]d", User),
		"ARK_RUN_AS_FOLDER=" + Data,
	}
}

// Health asks the server whether it is ready. A start on a large database, or while a database
// server starts too, may take minutes.
var Health = struct {
	Command                  []string
	Interval, Timeout, Start time.Duration
	Retries                  int
}{[]string{Program, "health"}, 10 * time.Second, 10 * time.Second, 5 * time.Minute, 3}

// File is a file or folder of the image. All belong to root.
type File struct {
	// Path has no leading slash. That of a folder ends with one.
	Path string
	// Mode is its permissions in tar's notation.
	Mode    int64
	Content []byte
}

// IsFolder reports whether it is a folder.
func (f File) IsFolder() bool { return strings.HasSuffix(f.Path, "/") }

// Base is everything but the binary.
func Base() []File {
	return []File{
		// Anybody may use a new volume, which is made from this folder: the server of --user=1000. A
		// server that is started as root takes it for its own user.
		{Path: "data/", Mode: 0o1777},
		{Path: "etc/", Mode: 0o755},
		{Path: "etc/group", Mode: 0o644, Content: fmt.Appendf(nil, "root:x:0:\nark:x:%d:\n", User)},
		{Path: "etc/passwd", Mode: 0o644, Content: fmt.Appendf(nil, "root:x:0:0:root:/data:/none\nark:x:%d:%[1]d:ark-server:/data:/none\n", User)},
		{Path: "etc/ssl/", Mode: 0o755},
		{Path: "etc/ssl/certs/", Mode: 0o755},
		{Path: "etc/ssl/certs/ca-certificates.crt", Mode: 0o644, Content: authorities()},
		{Path: "tmp/", Mode: 0o1777},
		{Path: "usr/", Mode: 0o755},
		{Path: "usr/local/", Mode: 0o755},
		{Path: "usr/local/bin/", Mode: 0o755},
	}
}

// authorities are the certificates of the public authorities that Mozilla trusts, such as those of
// cloud databases.
func authorities() []byte {
	var text []byte
	for root := range bundle.Roots() {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})...)
	}
	return text
}

// Server is the binary, and the folders that lead to it.
func Server(binary []byte) []File {
	return []File{{Path: strings.TrimPrefix(Program, "/"), Mode: 0o755, Content: binary}}
}

// WriteFolder lays files out in a folder that does not exist, for an image that something else
// makes of it.
func WriteFolder(dir string, files []File) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		var err error
		if f.IsFolder() {
			err = os.Mkdir(path, 0o755)
		} else {
			err = os.WriteFile(path, f.Content, 0o644)
		}
		if err = errors.Join(err, os.Chmod(path, mode(f.Mode))); err != nil {
			return err
		}
	}
	return nil
}

// mode is Go's form of a mode in tar's notation.
func mode(m int64) fs.FileMode {
	out := fs.FileMode(m) & fs.ModePerm
	if m&0o1000 != 0 {
		out |= fs.ModeSticky
	}
	return out
}
