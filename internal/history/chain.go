package history

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mckinsey/ark-server/internal/mvcc"
)

// The hash chain makes changes of archived data evident. Each step of the archive is a link with a
// leaf for each of its versions: the hash of the whole version with a salt. A removal is also a
// link, which names the leaves. The hash of a link covers the hash of the previous link, the link's
// number and its content. The hash of the last link, the head, covers the whole chain, and is
// published outside the database. A link contains no names, and a removed version's salt is removed
// with it, so its leaf cannot be compared with any guess.

// hash is a SHA-256.
type hash [sha256.Size]byte

// leaf is the entry of a version in a link.
type leaf struct {
	revision int64
	hash     hash
}

// saltSize is the length of a salt, and removedSize how many bytes of a leaf identify it when its
// version is removed.
const (
	saltSize    = 16
	removedSize = 16
)

func newSalt() []byte {
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // it never fails
	return salt
}

// leafOf returns the leaf of a version with a salt.
func leafOf(v *Version, object []byte) hash {
	b := append([]byte(nil), v.salt...)
	for _, s := range []string{v.Group, v.Resource.Resource, v.Namespace, v.Name} {
		b = appendBytes(b, 0, s)
	}
	for _, n := range []int64{v.Revision, v.CreateRevision, v.Generation, v.Time.UnixMilli()} {
		b = binary.AppendVarint(b, n)
	}
	for _, is := range []bool{v.Deleted, v.StatusOnly, v.Encrypted} {
		b = strconv.AppendBool(b, is)
	}
	r := record{Version: v}
	for i, s := range r.strings() {
		if i == groupsAt {
			b = appendBytes(b, 0, strings.Join(v.Groups, ","))
			continue
		}
		b = appendBytes(b, 0, *s)
	}
	return sha256.Sum256(appendBytes(appendBytes(b, 0, v.Cause), 0, object))
}

// chain is the state of the hash chain at its end.
type chain struct {
	// Links is the number of links, and Head the hash of the last one.
	Links int64  `json:"links"`
	Head  []byte `json:"head"`
	// UpTo is the last revision that the chain covers; Last is the last one that is recorded in a
	// link.
	UpTo int64 `json:"upTo"`
	Last int64 `json:"last"`
}

// Head is the head of the hash chain.
type Head struct {
	// Links is the number of links, and Hash the hash of the last one, in hex.
	Links int64
	Hash  string
	// Revision is the last revision that the chain covers.
	Revision int64
}

// String returns the form that ParseHead parses.
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Links, h.Hash) }

func (c *chain) head() Head { return Head{c.Links, hex.EncodeToString(c.Head), c.UpTo} }

// ParseHead parses the output of Head.String.
func ParseHead(text string) (Head, error) {
	links, sum, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(links, 10, 64)
	if b, hexErr := hex.DecodeString(sum); err != nil || hexErr != nil || n < 1 || len(b) != sha256.Size {
		return Head{}, fmt.Errorf("%q is no head of a hash chain: write NUMBER:HASH, as the server's log has it", text)
	}
	return Head{Links: n, Hash: strings.ToLower(sum)}, nil
}

// Kinds of links.
const (
	linkVersions  = 'v'
	linkRetention = 'r'
	linkPurge     = 'p'
)

// versions adds the link of a step. A step without versions has no link.
func (c *chain) versions(start, upTo int64, leaves []leaf) []mvcc.SideRow {
	from := start
	if c.Links > 0 && c.UpTo == start-1 {
		from = c.Last + 1 // no revision in between has a version
	}
	c.UpTo = upTo
	if len(leaves) == 0 {
		return nil
	}
	c.Last = upTo
	b := []byte{linkVersions}
	for _, n := range []int64{start, from, upTo} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	revision := int64(0)
	for _, l := range leaves {
		b = append(binary.AppendUvarint(b, uint64(l.revision-revision)), l.hash[:]...)
		revision = l.revision
	}
	return []mvcc.SideRow{c.add(b)}
}

// removal adds the link for the removal of versions.
func (c *chain) removal(purge bool, now time.Time, leaves []hash) mvcc.SideRow {
	b := []byte{linkRetention}
	if purge {
		b[0] = linkPurge
	}
	b = binary.AppendUvarint(b, uint64(now.UnixMilli()))
	for _, l := range leaves {
		b = append(b, l[:removedSize]...)
	}
	return c.add(b)
}

// add adds a link.
func (c *chain) add(body []byte) mvcc.SideRow {
	c.Links++
	sum := linkHash(c.Head, c.Links, body)
	c.Head = sum[:]
	return mvcc.SideRow{Table: chainTable, Key: withRevision(nil, c.Links), Data: append(body, sum[:]...)}
}

// linkHash returns the hash of a link.
func linkHash(before []byte, n int64, body []byte) hash {
	b := withRevision(append([]byte(nil), before...), n)
	return sha256.Sum256(append(b, body...))
}

// link is a decoded link.
type link struct {
	number int64
	kind   byte
	// For versions: the first revision of the step, the revisions that the link covers, and the
	// leaves.
	start, from, upTo int64
	leaves            []leaf
	// For a removal: the prefixes of the removed leaves.
	removed [][removedSize]byte

	body []byte
	sum  hash
}

// readLink decodes a row of the chain.
func readLink(row *mvcc.SideRow) (*link, error) {
	_, n, err := cutRevision(row.Key)
	cut := len(row.Data) - sha256.Size
	if err != nil || len(row.Key) != 8 || cut < 1 {
		return nil, errDamaged
	}
	l := &link{number: n, kind: row.Data[0], body: row.Data[:cut], sum: hash(row.Data[cut:])}
	in := &input{rest: l.body[1:]}
	switch l.kind {
	case linkVersions:
		l.start, l.from, l.upTo = int64(in.number()), int64(in.number()), int64(in.number())
		for revision := int64(0); len(in.rest) > 0; {
			revision += int64(in.number())
			if b := in.bytes(sha256.Size); !in.damaged {
				l.leaves = append(l.leaves, leaf{revision, hash(b)})
			}
		}
	case linkRetention, linkPurge:
		in.number() // the time
		for len(in.rest) > 0 {
			if b := in.bytes(removedSize); !in.damaged {
				l.removed = append(l.removed, [removedSize]byte(b))
			}
		}
	default:
		return nil, errDamaged
	}
	if in.damaged {
		return nil, errDamaged
	}
	return l, nil
}
