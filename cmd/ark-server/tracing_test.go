package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
)

// receiver is an OTLP collector that stores what it receives.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	mu    sync.Mutex
	spans []*tracepb.ResourceSpans
}

func (r *receiver) Export(_ context.Context, in *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, in.GetResourceSpans()...)
	return &collector.ExportTraceServiceResponse{}, nil
}

// trace returns the spans of one trace by name.
func (r *receiver) trace(id string) map[string]*tracepb.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[string]*tracepb.Span{}
	for _, rs := range r.spans {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				if fmt.Sprintf("%x", s.GetTraceId()) == id {
					found[s.GetName()] = s
				}
			}
		}
	}
	return found
}

func startReceiver(t *testing.T) (*receiver, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r, server := &receiver{}, grpc.NewServer()
	collector.RegisterTraceServiceServer(server, r)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with Stop
	}()
	t.Cleanup(func() { server.Stop(); <-done })
	return r, listener.Addr().String()
}

// TestTrace checks that a create is one trace, from the request that the client traces down to the
// commit in the database, and that the trace contains no content of the object.
func TestTrace(t *testing.T) {
	const roundTrip = "INSERT ark_log, ark_state; COMMIT"
	for storage, statements := range map[string][]string{
		storageSQLite: {"INSERT log, state", "COMMIT"}, storagePostgres: {roundTrip}, storageMySQL: {roundTrip},
	} {
		t.Run(storage, func(t *testing.T) {
			var flags []string
			switch storage {
			case storagePostgres:
				flags = databaseFlags(storage, postgresServer.Database(t))
			case storageMySQL:
				flags = databaseFlags(storage, mariadbServer.Database(t))
			}
			testTrace(t, flags, statements)
		})
	}
}

func testTrace(t *testing.T, flags, statements []string) {
	spans, address := startReceiver(t)
	config := filepath.Join(t.TempDir(), "tracing.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nendpoint: %s\n", address), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServing(t, append(flags, "--tracing-config-file="+config)...)
	const id, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	code, body := request(t, s.admin, "POST", "/api/v1/namespaces/default/secrets",
		`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"key"},"stringData":{"token":"hush-hush"}}`,
		"Content-Type", "application/json", "traceparent", "00-"+id+"-"+parent+"-01")
	if code != 201 {
		t.Fatalf("%d %s", code, body)
	}
	request(t, s.admin, "GET", "/api/v1/namespaces/default/secrets/key", "") // not traced by its client, so not at all
	s.stop()                                                                 // which sends what is left

	const whole = "POST /api/v1/namespaces/{:namespace}/secrets"
	got := spans.trace(id)
	if got[whole] == nil || fmt.Sprintf("%x", got[whole].GetParentSpanId()) != parent {
		t.Fatalf("the request is not below the client's span: %v", names(got))
	}
	below := map[string]string{"etcdserver Txn": "Create etcd3", "store commit": "etcdserver Txn"}
	for _, statement := range statements {
		below[statement] = "store commit"
	}
	for name, above := range below {
		span := got[name]
		if span == nil || got[above] == nil {
			t.Errorf("no span %q or %q in %v", name, above, names(got))
			continue
		}
		if string(span.GetParentSpanId()) != string(got[above].GetSpanId()) {
			t.Errorf("%q is not below %q", name, above)
		}
		if !descends(span, whole, got) {
			t.Errorf("%q is not below the request", name)
		}
	}
	spans.mu.Lock()
	defer spans.mu.Unlock()
	all, service := 0, ""
	for _, rs := range spans.spans {
		for _, a := range rs.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				service = a.GetValue().GetStringValue()
			}
		}
		text, err := protojson.Marshal(rs)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "hush-hush") || strings.Contains(string(text), "aHVzaC1odXNo") {
			t.Errorf("spans tell what the object holds: %s", text)
		}
		for _, ss := range rs.GetScopeSpans() {
			all += len(ss.GetSpans())
		}
	}
	if service != "ark-server" {
		t.Errorf("the service is called %q", service)
	}
	if all != countTrace(spans.spans, id) {
		t.Errorf("%d spans, %d of them of the traced request", all, countTrace(spans.spans, id))
	}
}

func countTrace(all []*tracepb.ResourceSpans, id string) int {
	n := 0
	for _, rs := range all {
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				if fmt.Sprintf("%x", s.GetTraceId()) == id {
					n++
				}
			}
		}
	}
	return n
}

func names(spans map[string]*tracepb.Span) []string {
	var all []string
	for name := range spans {
		all = append(all, name)
	}
	return all
}

// descends reports whether a span has the given name, or is below a span that has it.
func descends(span *tracepb.Span, name string, all map[string]*tracepb.Span) bool {
	byID := map[string]*tracepb.Span{}
	for _, s := range all {
		byID[string(s.GetSpanId())] = s
	}
	for s := span; s != nil; s = byID[string(s.GetParentSpanId())] {
		if s.GetName() == name {
			return true
		}
	}
	return false
}

func TestTracingFlag(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.yaml")
	if err := os.WriteFile(broken, []byte("apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nsamplingRatePerMillion: -1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	checkFailure(t, []string{"--secure-port=0", "--tracing-config-file=" + broken}, 1, []string{"--tracing-config-file=" + broken, "samplingRatePerMillion"})
	checkFailure(t, []string{"--secure-port=0", "--tracing-config-file=" + filepath.Join(dir, "none")}, 1, []string{"--tracing-config-file=", "no such file"})
}
