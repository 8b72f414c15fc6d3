package ask

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"unicode/utf8"
)

// maxQuestion is the largest object size that --max-object-size can allow.
const maxQuestion = 16 << 20

// ReadText returns a text followed by an empty line and the contents of a file; file is "" for
// none, and - for stdin.
func ReadText(text, file string, stdin io.Reader) (string, error) {
	if file == "" {
		return text, nil
	}
	from := stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return "", fmt.Errorf("%s: %w", file, withoutPath(err))
		}
		defer func() { _ = opened.Close() }() // read only: nothing is lost on an error
		from = opened
	}
	more, err := io.ReadAll(io.LimitReader(from, maxQuestion+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", file, withoutPath(err))
	case len(more) > maxQuestion:
		return "", fmt.Errorf("%s: it has more than %d MiB, which no object may have", file, maxQuestion>>20)
	case !utf8.Valid(more):
		return "", fmt.Errorf("%s: it is no text in UTF-8", file)
	case text != "":
		text += "\n\n"
	}
	return text + string(more), nil
}

// withoutPath removes the path from an error whose text already names it.
func withoutPath(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
