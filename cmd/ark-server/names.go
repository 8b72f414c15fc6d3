package main

import (
	"path/filepath"
	"regexp"
	"strings"
)

// serverName is what the server is called in a kubeconfig: ark, or ark-NAME where the database is
// called otherwise. So servers on several databases can share a kubeconfig.
func (o *options) serverName() string {
	if name := o.databaseName(); name != "ark" {
		return "ark-" + name
	}
	return "ark"
}

// databaseName is the name of the database without folder and extension, fit for a file's name;
// "ark" where it has none.
func (o *options) databaseName() string {
	name := ""
	switch {
	case o.storage == storageSQLite:
		base := filepath.Base(o.dbPath)
		name = strings.TrimSuffix(base, filepath.Ext(base))
	case o.onServer():
		name = o.db.Name
	}
	name = strings.Trim(unfitForName.ReplaceAllString(name, "-"), "-.")
	if name == "" {
		return "ark"
	}
	return name
}

var unfitForName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// kubeconfig is the file that the admin's entry is added to. By default it is in the data folder,
// or follows the database: it is in the same folder, or in the working folder for a database
// elsewhere, and servers on two databases in one folder have one each.
func (o *options) kubeconfig() string {
	if o.kubeconfigOut != "" {
		return o.kubeconfigOut
	}
	file := "admin.kubeconfig"
	if name := o.databaseName(); name != "ark" {
		file = name + "." + file
	}
	switch {
	case o.dataDir != "":
		return filepath.Join(o.dataDir, file)
	case o.storage == storageSQLite:
		return filepath.Join(filepath.Dir(o.dbPath), file)
	}
	return file
}
