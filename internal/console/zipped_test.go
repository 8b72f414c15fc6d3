package console

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"
)

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	if closing := w.Close(); err != nil || closing != nil {
		t.Fatal(err, closing)
	}
	return b.Bytes()
}

func unzipped(content []byte) (string, error) {
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return "", err
	}
	plain, err := io.ReadAll(r)
	return string(plain), err
}
