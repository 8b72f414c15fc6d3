package sqltest

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
)

// UpgradeMariaDB shuts the server down and starts the one in another folder of programs on its
// data, as MariaDB's manual says for an upgrade in place.
func (s *Server) UpgradeMariaDB(ctx context.Context, programs string) error {
	if err := s.Halt(); err != nil {
		return err
	}
	s.command.path = filepath.Join(programs, "mariadbd")
	if err := s.Restart(ctx); err != nil {
		return err
	}
	upgrade := s.command
	upgrade.path = filepath.Join(programs, "mariadb-upgrade")
	upgrade.args = []string{"--no-defaults", "--socket=" + s.Socket(), "--user=root"}
	return upgrade.run()
}

// UpgradePostgres shuts the server down, has pg_upgrade of another folder of programs make a new
// cluster of its data, and starts that one's server at the same address.
func (s *Server) UpgradePostgres(ctx context.Context, programs string) error {
	if err := s.Halt(); err != nil {
		return err
	}
	renewed := filepath.Join(s.dir, "renewed")
	step := s.command
	step.path = filepath.Join(programs, "initdb")
	step.args = []string{"-D", renewed, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--data-checksums"}
	if err := step.run(); err != nil {
		return err
	}
	old, err := filepath.EvalSymlinks(s.command.path) // where its other programs are
	if err != nil {
		return err
	}
	step.path = filepath.Join(programs, "pg_upgrade")
	step.args = []string{"-b", filepath.Dir(old), "-B", programs, "-d", s.data, "-D", renewed, "-U", "postgres", "-s", s.dir, "--no-sync"}
	if err := step.run(); err != nil {
		return err
	}
	args := slices.Clone(s.command.args)
	i := slices.Index(args, s.data)
	if i < 0 {
		return errors.New("the server was not started on its data folder")
	}
	args[i] = renewed
	s.command.path, s.command.args, s.data = filepath.Join(programs, "postgres"), args, renewed
	return s.Restart(ctx)
}
