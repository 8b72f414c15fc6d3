package damage

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mckinsey/ark-server/internal/mvcc"
	"github.com/mckinsey/ark-server/internal/mvcc/mark"
	"github.com/mckinsey/ark-server/internal/mvcc/sqlite"
)

// childEnv names the database that a child of this test binary is to write to.
const childEnv = "ARK_DAMAGE_TEST_DATABASE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		fmt.Fprintln(os.Stderr, "child:", child(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func open(ctx context.Context, path string, accept *mark.StoreID) (*mvcc.Store, error) {
	e, err := sqlite.Open(ctx, path, sqlite.Options{SecondMark: path + ".keys", AcceptDataLoss: accept, Log: quiet})
	if err != nil {
		return nil, err
	}
	return mvcc.Open(ctx, e, mvcc.Options{})
}

const keys = 150

// child writes until it is killed, and reports each write: revision, key, value.
func child(path string) error {
	ctx := context.Background()
	store, err := open(ctx, path, nil)
	if err != nil {
		return err
	}
	// The write that was under way when the child before was killed may be there or not.
	res, err := store.Range(ctx, &mvcc.Range{Span: mvcc.Span{Key: []byte{0}, End: []byte{0}}})
	if err != nil {
		return err
	}
	fmt.Println("begin")
	for _, kv := range res.KVs {
		fmt.Printf("%d %s %s\n", kv.ModRevision, kv.Key, kv.Value)
	}
	fmt.Println("ready")
	for i := 0; ; i++ {
		key := fmt.Sprintf("/damage/%03d", rand.IntN(keys))
		var op mvcc.Op = &mvcc.Put{Key: []byte(key), Value: []byte(strings.Repeat(strconv.Itoa(i)+"-", 1+rand.IntN(400)))}
		if rand.IntN(6) == 0 {
			op = &mvcc.Delete{Span: mvcc.Span{Key: []byte(key)}}
		}
		res, err := store.Txn(ctx, &mvcc.Txn{Then: []mvcc.Op{op}}, mvcc.Actor{User: "damage"})
		if err != nil {
			return err
		}
		value := ""
		if put, ok := op.(*mvcc.Put); ok {
			value = string(put.Value)
		}
		// One write call of less than a page is atomic on a pipe.
		_, _ = os.Stdout.WriteString(fmt.Sprintf("%d %s %s\n", res.Revision, key, value))
		if i%100 == 99 {
			if err := store.Compact(ctx, max(res.Revision-150, 2), false); err != nil && res.Revision > 160 {
				return err
			}
		}
	}
}

// journal is what has been acknowledged.
type journal struct {
	revision int64
	live     map[string]string
}

// run starts a child, calls during while it writes, and kills it; the journal goes on.
func (j *journal) run(t *testing.T, path string, writes int, during func(written int)) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(pipe)
	for n, ready := -1, false; ; {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch line {
		case "begin\n":
			j.live = map[string]string{}
			continue
		case "ready\n":
			ready = true
		}
		j.note(line)
		if !ready {
			continue
		}
		if n++; n > 0 {
			during(n)
		}
		if n == writes {
			_ = cmd.Process.Kill() // what is in the pipe still counts
		}
	}
	_ = cmd.Wait()
}

func (j *journal) note(line string) {
	fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
	if len(fields) != 3 {
		return // ready
	}
	revision, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return
	}
	j.revision = max(j.revision, revision) // a delete of nothing has no revision of its own
	if fields[2] == "" {
		delete(j.live, fields[1])
	} else {
		j.live[fields[1]] = fields[2]
	}
}

// missing compares a store with the journal. What was written and not acknowledged may be there.
func (j *journal) missing(store *mvcc.Store) string {
	if store.Revision() < j.revision {
		return fmt.Sprintf("revision %d, acknowledged %d", store.Revision(), j.revision)
	}
	if store.Revision() > j.revision+1 {
		return "" // cannot be: the child writes one by one
	}
	res, err := store.Range(context.Background(), &mvcc.Range{Span: mvcc.Span{Key: []byte{0}, End: []byte{0}}})
	if err != nil {
		return ""
	}
	have := map[string]string{}
	for _, kv := range res.KVs {
		if kv.ModRevision > j.revision {
			have[string(kv.Key)] = j.live[string(kv.Key)]
			continue
		}
		have[string(kv.Key)] = string(kv.Value)
	}
	for key, value := range j.live {
		if have[key] != value && store.Revision() == j.revision {
			return fmt.Sprintf("%s is %.40q, acknowledged was %.40q", key, have[key], value)
		}
	}
	for key := range have {
		if _, ok := j.live[key]; !ok && store.Revision() == j.revision {
			return key + " is there, and was deleted"
		}
	}
	return ""
}
