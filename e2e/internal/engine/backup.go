package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/mckinsey/ark-server/internal/sqltest"
)

// Dump writes the database to a file with the database server's own program, as
// docs/operations/backup.md describes.
func (p Place) Dump(ctx context.Context, file string) error {
	switch p.Storage {
	case PostgreSQL:
		return p.run(ctx, "", "pg_dump", "-Fc", "--no-owner", "-f", file, p.Config.Name)
	case MySQL:
		name, args := "mariadb-dump", []string{"--single-transaction", "--hex-blob", "--result-file=" + file}
		if !sqltest.IsMariaDB() {
			name, args = "mysqldump", append(args, "--set-gtid-purged=OFF", "--no-tablespaces")
		}
		return p.run(ctx, "", name, append(args, p.Config.Name)...)
	}
	return fmt.Errorf("dump %s: there is no database server", p.Storage)
}

// Load drops the database and restores it from such a file with those programs.
func (p Place) Load(ctx context.Context, file string) error {
	name := p.Config.Name
	switch p.Storage {
	case PostgreSQL:
		for _, args := range [][]string{{"dropdb", "--force", name}, {"createdb", name}, {"pg_restore", "--no-owner", "--exit-on-error", "-d", name, file}} {
			if err := p.run(ctx, "", args[0], args[1:]...); err != nil {
				return err
			}
		}
		return nil
	case MySQL:
		client := "mariadb"
		if !sqltest.IsMariaDB() {
			client = "mysql"
		}
		if err := p.run(ctx, "", client, "-e", fmt.Sprintf("DROP DATABASE %s; CREATE DATABASE %s", name, name)); err != nil {
			return err
		}
		return p.run(ctx, file, client, name)
	}
	return fmt.Errorf("load %s: there is no database server", p.Storage)
}

// run runs one of the server's programs with the address of the place; stdin, if given, is a file.
func (p Place) run(ctx context.Context, stdin, name string, args ...string) error {
	path, err := program(name)
	if err != nil {
		return err
	}
	reach := []string{"-h", p.Config.Host, "-p", fmt.Sprint(p.Config.Port), "-U", p.Config.User}
	if p.Storage == MySQL {
		reach = []string{"--no-defaults", "-h", p.Config.Host, "-P", fmt.Sprint(p.Config.Port), "-u", p.Config.User}
	}
	cmd := exec.CommandContext(ctx, path, append(reach, args...)...)
	if stdin != "" {
		f, err := os.Open(stdin)
		if err != nil {
			return err
		}
		defer f.Close()
		cmd.Stdin = f
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// program finds a program of the database server that the tests run on: in the folder of the
// program that a variable names, on the path, or in Debian's folder of PostgreSQL.
func program(name string) (string, error) {
	beside := filepath.Join(filepath.Dir(os.Getenv(sqltest.MySQLProgram)), name)
	if _, err := os.Stat(beside); err == nil && !sqltest.IsMariaDB() {
		return beside, nil
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, _ := filepath.Glob(filepath.Join("/usr/lib/postgresql/*/bin", name)) // the pattern is well-formed
	if len(found) == 0 {
		return "", fmt.Errorf("find %s: on Debian it is in postgresql-client or mariadb-client, on others beside the server", name)
	}
	return slices.Max(found), nil
}
