package database

// View is a view for other programs that read the database.
type View struct {
	Name, Select string
}
