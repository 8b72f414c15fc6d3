package console

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:web/dist
var dist embed.FS

// built is the directory of the built pages in dist.
const built = "web/dist/built"

// policy is the Content-Security-Policy of every page: scripts, styles and requests only from this
// server, and nothing inline. Images may be data URLs, which the pages use for their own drawings.
const policy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const notBuilt = `This server was built without the console's pages.

Build them with Node.js 20 or newer, and then the server:

    make console build

The API is served as ever.
`

// asset is one file of the pages. There is no uncompressed form: most browsers accept brotli, and
// all others gzip.
type asset struct {
	mediaType      string
	brotli, zipped []byte
}

// assets are the files by their paths below Path; nil if they were not built.
type assets map[string]asset

// mediaTypes are the media types of the built files. The system's table of file extensions is not
// used.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".json": "application/json", ".txt": "text/plain; charset=utf-8", ".png": "image/png", ".woff2": "font/woff2",
}

func readAssets() (assets, error) {
	found := assets{}
	err := fs.WalkDir(dist, built, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(file) != ".br" {
			return err
		}
		plain := strings.TrimSuffix(file, ".br")
		a := asset{mediaType: mediaTypes[path.Ext(plain)]}
		if a.mediaType == "" {
			return fmt.Errorf("the console's file %s has an ending without a media type", plain)
		}
		if a.brotli, err = dist.ReadFile(file); err != nil {
			return err
		}
		if a.zipped, err = dist.ReadFile(plain + ".gz"); err != nil {
			return err
		}
		found[strings.TrimPrefix(plain, built+"/")] = a
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return found, err
}

// serve answers a request for a page or a file. Every path that is not a file is the path of a
// page, which the page parses itself.
func (a assets) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-cache")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
		return
	}
	if len(a) == 0 {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, notBuilt) // the client may be gone
		return
	}
	name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, Path), "/")
	file, ok := a[name]
	switch {
	case strings.HasPrefix(name, "assets/") && !ok:
		h.Set("Cache-Control", "no-store") // so that no old page calls a newer server
		http.Error(w, "there is no such file: load the page again", http.StatusNotFound)
		return
	case strings.HasPrefix(name, "assets/"):
		h.Set("Cache-Control", "public, max-age=31536000, immutable") // the names contain a hash of the content
	case !ok:
		file = a["index.html"]
	}
	file.serve(w, r)
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.mediaType)
	h.Add("Vary", "Accept-Encoding")
	content := a.brotli
	switch accepts := encodings(r); {
	case accepts("br"):
		h.Set("Content-Encoding", "br")
	case accepts("gzip"):
		h.Set("Content-Encoding", "gzip")
		content = a.zipped
	default:
		plain, err := gzip.NewReader(bytes.NewReader(a.zipped))
		if err == nil {
			content, err = io.ReadAll(plain)
		}
		if err != nil {
			http.Error(w, "the file is damaged", http.StatusInternalServerError)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(content)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(content) // the client may be gone
	}
}

// encodings returns a function that reports whether a client accepts an encoding.
func encodings(r *http.Request) func(string) bool {
	accepted := map[string]bool{}
	for item := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, parameters, err := mime.ParseMediaType("x/" + strings.TrimSpace(item))
		if err != nil {
			continue
		}
		weight, err := strconv.ParseFloat(parameters["q"], 64)
		accepted[strings.TrimPrefix(name, "x/")] = parameters["q"] == "" || err == nil && weight > 0
	}
	return func(name string) bool { return accepted[name] }
}
