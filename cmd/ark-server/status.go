package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mckinsey/ark-server/internal/database"
	"github.com/mckinsey/ark-server/internal/operation"
	"github.com/mckinsey/ark-server/internal/token"
)

const aboutStatus = `Say what runs where: the server, its storage, its size, its users, the other replicas, the last
backup.
It is for the machine that the server runs on, and works while it does not run, too.

  ark-server status                      # of the server on ./ark.db
  ark-server status --data-dir=/var/lib/ark-server -o json

The exit code is 0 if the server is ready, else 1. ark-server doctor says what is wrong.`

// statusReport is the output of status.
type statusReport struct {
	Running    bool          `json:"running"`
	Ready      bool          `json:"ready"`
	Problem    string        `json:"problem,omitempty"` // the reason that the server is not ready
	PID        int           `json:"pid,omitempty"`
	URL        string        `json:"url,omitempty"`
	Mode       string        `json:"mode"`
	Version    string        `json:"version,omitempty"`
	Kubernetes string        `json:"kubernetes,omitempty"`
	Started    *time.Time    `json:"started,omitempty"`
	Storage    storageStatus `json:"storage"`
	// Replicas is omitted if they are not known: the server does not run, or its replicas do not call
	// each other.
	Replicas   []operation.Peer `json:"replicas,omitempty"`
	LastBackup *backupNote      `json:"lastBackup,omitempty"`
	// Users is the number of users with valid tokens, without the admin and the service accounts. It
	// is omitted if it is not known: the server does not run, or its users come from a cluster.
	Users      *int   `json:"users,omitempty"`
	Keys       string `json:"keys,omitempty"`
	Kubeconfig string `json:"kubeconfig,omitempty"`
}

// storageStatus describes the storage, from the server's report or from the storage itself.
type storageStatus struct {
	Kind     string `json:"kind"`
	Place    string `json:"place"`
	Product  string `json:"product,omitempty"`
	Schema   int    `json:"schemaVersion,omitempty"`
	Revision int64  `json:"revision,omitempty"`
	Keys     int    `json:"keys,omitempty"`
	Leases   int    `json:"leases"`
	Bytes    int64  `json:"bytes,omitempty"`
	Problem  string `json:"problem,omitempty"`
}

func newStatusCommand() *cobra.Command {
	o := newOptions()
	output, timeout := "text", 30*time.Second
	own := group(ownFlags, func(fs *pflag.FlagSet) {
		fs.StringVarP(&output, "output", "o", output, "`text|json`")
		fs.DurationVar(&timeout, "timeout", timeout, "how long it may take")
	})
	return withFlags(&cobra.Command{
		Use:   "status",
		Short: "Say what runs where: server, storage, size, users, replicas, last backup",
		Long:  aboutStatus,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.locate(cmd); err != nil {
				return err
			}
			if err := errors.Join(checkValue("output", output, "text", "json"), o.validate()); err != nil {
				return usageError{err}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			report := o.status(ctx)
			var err error
			if output == "json" {
				err = printJSON(cmd.OutOrStdout(), report)
			} else {
				err = report.print(cmd.OutOrStdout(), time.Now())
			}
			if err == nil && !report.Ready {
				err = errors.New(report.Problem)
			}
			return err
		},
	}, append([]flagGroup{own}, o.flagGroups()...)...)
}

// status queries the server with these options, and inspects its storage.
func (o *options) status(ctx context.Context) statusReport {
	r := statusReport{Mode: o.mode, Storage: storageStatus{Kind: o.storage, Place: withoutPasswords(o.data().Summary()).(string)}}
	if o.mode == modeStandalone {
		r.Keys, r.Kubeconfig = o.keys(), o.kubeconfig()
	}
	if note, ok := readBackupNote(o.keys()); ok {
		r.LastBackup = &note
	}
	var found *operation.Report
	r.URL, r.Running, found, r.Problem = o.ask(ctx)
	r.Ready = r.Running && r.Problem == ""
	if found != nil {
		r.PID, r.Version, r.Kubernetes, r.Started = found.Build.PID, found.Build.Version, found.Build.Kubernetes, &found.Build.Started
		r.Storage.Revision, r.Storage.Keys, r.Storage.Leases = found.Revision.Shown, found.Keys, found.Leases.Count
		if p := found.Replica.Peers; p != nil {
			r.Replicas = append(r.Replicas, p.Others...)
			if p.Self != nil {
				r.Replicas = append([]operation.Peer{*p.Self}, r.Replicas...)
			}
		}
	}
	if r.Running && o.mode == modeStandalone {
		r.Users = o.countUsers(ctx)
	}
	if facts, err := o.look(ctx); err != nil {
		r.Storage.Problem = err.Error()
	} else {
		r.Storage.Product, r.Storage.Schema, r.Storage.Bytes = facts.Product, facts.Schema.Version, facts.Bytes
		if found == nil {
			r.Storage.Revision, r.Storage.Leases = facts.Revision, facts.Leases
		}
	}
	return r
}

// countUsers queries the server with these options. It returns nil if the server does not return a
// number.
func (o *options) countUsers(ctx context.Context) *int {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	served, err := o.runningServer(ctx)
	if err != nil {
		return nil
	}
	all, err := served.list(ctx)
	if err != nil {
		return nil
	}
	n := token.Users(all)
	return &n
}

// look returns the facts about the database.
func (o *options) look(ctx context.Context) (database.Facts, error) {
	admin, ok := o.data().Admin()
	if !ok {
		return database.Facts{}, errors.New("--storage=etcd: ask that etcd itself, with etcdctl endpoint status")
	}
	if err := o.checkGivenFiles(); err != nil {
		return database.Facts{}, err
	}
	if o.storage == storageSQLite && o.dataDir != "" {
		if _, err := os.Stat(o.dataDir); errors.Is(err, fs.ErrNotExist) {
			return database.Facts{}, nil // the start creates it
		}
	}
	facts, err := admin.Look(ctx)
	if err != nil {
		return facts, fmt.Errorf("%s: %w", o.databaseFlag(), remedied(err))
	}
	return facts, nil
}

func (r statusReport) print(out io.Writer, now time.Time) error {
	var errs []error
	line := func(name, format string, args ...any) {
		_, err := fmt.Fprintf(out, "%-11s %s\n", name, fmt.Sprintf(format, args...))
		errs = append(errs, err)
	}
	switch {
	case r.Ready && r.PID != 0:
		line("server", "ready, process %d since %s", r.PID, ago(now, *r.Started))
	case r.Ready:
		line("server", "ready")
	case r.Running:
		line("server", "not ready")
	default:
		line("server", "does not run")
	}
	line("mode", "%s", r.Mode)
	if r.URL != "" {
		line("address", "%s", r.URL)
	}
	if r.Version != "" {
		line("version", "%s (Kubernetes %s)", r.Version, r.Kubernetes)
	}
	s := r.Storage
	line("storage", "%s", s.Place)
	switch {
	case s.Problem != "":
		line("", "%s", s.Problem)
	case s.Product == "":
		line("", "nothing is stored yet")
	default:
		line("", "%s, schema version %d, %s", s.Product, s.Schema, megabytes(s.Bytes))
	}
	if s.Revision > 0 {
		line("revision", "%d", s.Revision)
	}
	if r.Running && s.Keys > 0 {
		line("objects", "%d keys, %d leases", s.Keys, s.Leases)
	}
	if r.Users != nil {
		line("users", "%s", usersText(*r.Users))
	}
	for _, p := range r.Replicas {
		line("replica", "%s at %s, since %s", p.Name, p.Address, ago(now, p.Joined))
	}
	if b := r.LastBackup; b != nil {
		line("backup", "%s at revision %d, %s", b.File, b.Revision, ago(now, b.At))
	} else if s.Kind == storageSQLite {
		line("backup", "none is known: ark-server backup --to=FILE")
	}
	if r.Keys != "" {
		line("keys", "%s", r.Keys)
		line("kubeconfig", "%s", r.Kubeconfig)
	}
	return errors.Join(errs...)
}

// ago formats a time and the duration since then.
func ago(now, at time.Time) string {
	return fmt.Sprintf("%s (%s ago)", at.Local().Format("2006-01-02 15:04:05"), now.Sub(at).Round(time.Second))
}
