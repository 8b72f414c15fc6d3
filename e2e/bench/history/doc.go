// Command history measures the history of objects on an SQLite database: how long its questions
// take among many versions, what a retention pass costs writers, how long a start takes, and what a
// version takes on the disk.
//
//	go run ./bench/history -revisions=1000000 -objects=50000 [-chain]
package main
