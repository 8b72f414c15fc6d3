// Package content defines the content of the ark-server image and how it is started. The archive,
// the Dockerfile and the tests use this definition.
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

// User is the user ID and the group ID of the server in a container.
const User = 65532

// Program is the path of the binary.
const Program = "/usr/local/bin/ark-server"

// Data is the path of the volume, and the working folder: the server's defaults are relative to it.
const Data = "/data"

// Port is the port on which the server listens.
const Port = "6443/tcp"

// Env returns the environment. The image has no CMD, since arguments of "docker run" would replace
// it; the defaults are set here.
func Env() []string {
	return []string{
		"PATH=/usr/local/bin",
		"container=oci",
		"ARK_BIND_ADDRESS=0.0.0.0",
		fmt.Sprintf("ARK_RUN_AS=%d:%[1]d", User),
		"ARK_RUN_AS_FOLDER=" + Data,
	}
}

// Health is the command that checks whether the server is ready. A start on a large database, or
// while a database server also starts, may take minutes.
var Health = struct {
	Command                  []string
	Interval, Timeout, Start time.Duration
	Retries                  int
}{[]string{Program, "health"}, 10 * time.Second, 10 * time.Second, 5 * time.Minute, 3}

// File is a file or folder of the image. Root owns all of them.
type File struct {
	// Path has no leading slash. The path of a folder ends with a slash.
	Path string
	// Mode is the permissions in tar's notation.
	Mode    int64
	Content []byte
}

// IsFolder reports whether it is a folder.
func (f File) IsFolder() bool { return strings.HasSuffix(f.Path, "/") }

// Base returns all files except the binary.
func Base() []File {
	return []File{
		// A new volume copies the mode of this folder, so every user can write to it: for example the
		// server of --user=1000. A server that is started as root changes the owner to its own user.
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

// authorities returns the certificates of the public authorities that Mozilla trusts, such as those
// of cloud databases.
func authorities() []byte {
	var text []byte
	for root := range bundle.Roots() {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})...)
	}
	return text
}

// Server returns the binary, and its parent folders.
func Server(binary []byte) []File {
	return []File{{Path: strings.TrimPrefix(Program, "/"), Mode: 0o755, Content: binary}}
}

// WriteFolder writes files to a folder that does not exist yet, from which another program builds
// an image.
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

// mode converts a mode in tar's notation to Go's.
func mode(m int64) fs.FileMode {
	out := fs.FileMode(m) & fs.ModePerm
	if m&0o1000 != 0 {
		out |= fs.ModeSticky
	}
	return out
}
