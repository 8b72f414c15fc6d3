package main

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/mckinsey/ark-server/internal/apiserver/storage"
)

// byteSize is a flag value: a number of bytes, written as a Kubernetes quantity.
type byteSize int64

// Set implements pflag.Value.
func (b *byteSize) Set(text string) error {
	q, err := resource.ParseQuantity(text)
	if err != nil {
		return fmt.Errorf("not a number of bytes: use one such as 1536Ki or 4Mi")
	}
	*b = byteSize(q.Value())
	return nil
}

// String implements pflag.Value.
func (b *byteSize) String() string {
	return resource.NewQuantity(int64(*b), resource.BinarySI).String()
}

// Type implements pflag.Value.
func (b *byteSize) Type() string { return "bytes" }

// minObjectSize leaves room for the objects that the server itself stores, such as namespaces.
const minObjectSize = 64 << 10

func (b *byteSize) validate() error {
	switch {
	case *b < minObjectSize:
		return fmt.Errorf("--max-object-size=%s: too small for any use: use 64Ki to 16Mi", b)
	case *b > storage.MaxMaxObjectBytes:
		return fmt.Errorf("--max-object-size=%s: clients that watch read no object above 16 MiB: use 64Ki to 16Mi", b)
	}
	return nil
}

// objectSizeAdvice returns what to do about an object that is too large.
func (o *options) objectSizeAdvice() string {
	if o.storage == storageEtcd {
		return "raise --max-object-size of ark-server and --max-request-bytes of its etcd"
	}
	return "raise --max-object-size of ark-server (now " + o.maxObjectSize.String() + ", at most 16Mi)"
}
