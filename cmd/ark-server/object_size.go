package main

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"

	arkstorage "github.com/mckinsey/ark-server/internal/apiserver/storage"
	"github.com/mckinsey/ark-server/internal/etcdserver"
)

// byteSize is a number of bytes as a flag: a quantity as Kubernetes writes them.
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

// minObjectSize has room for what the server itself keeps, such as the objects of namespaces.
const minObjectSize = 64 << 10

func (b *byteSize) validate() error {
	switch {
	case *b < minObjectSize:
		return fmt.Errorf("--max-object-size=%s: too small for any use: use 64Ki to 16Mi", b)
	case *b > arkstorage.MaxMaxObjectBytes:
		return fmt.Errorf("--max-object-size=%s: clients that watch read no object above 16 MiB: use 64Ki to 16Mi", b)
	}
	return nil
}

// requestBytes is what the endpoint takes as one write. Clients count the frame of an event to the 16 MiB that they read.
func (b *byteSize) requestBytes() int { return int(min(*b, arkstorage.MaxMaxObjectBytes-watchFrame)) }

const watchFrame = 4 << 10

// advice is what a user does whose object is too large.
func (o *options) objectSizeAdvice() string {
	if o.storage == storageEtcd {
		return "raise --max-object-size of ark-server and --max-request-bytes of its etcd"
	}
	return "raise --max-object-size of ark-server (now " + o.maxObjectSize.String() + ", at most 16Mi)"
}

// deletionRoom is how much the time of a deletion and its grace period may add to an object.
const deletionRoom = 1 << 10

// endpointOptions are those of the endpoint of the embedded storage.
func (o *options) endpointOptions() etcdserver.Options {
	return etcdserver.Options{MaxRequestBytes: o.maxObjectSize.requestBytes()}
}
