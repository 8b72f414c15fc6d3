package main

import (
	"path/filepath"
	"regexp"
	"strings"
)

// serverName returns the name of the server in a kubeconfig: ark, or ark-NAME if the database has a
// name other than ark. Servers on several databases can therefore share a kubeconfig.
func (o *options) serverName() string {
	if name := o.databaseName(); name != "ark" {
		return "ark-" + name
	}
	return "ark"
}

// databaseName returns the name of the database without folder and extension, in a form that is
// valid in a file name. It returns "ark" if the database has no name.
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

// kubeconfig returns the file to which the admin's entry is added. The default is in the data
// folder. Without a data folder it follows the database: it is in the same folder, or in the
// working folder if the database is elsewhere, and servers on two databases in one folder have one
// file each.
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
