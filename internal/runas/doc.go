// Package runas has a process that was started as root in a container give its data folder to an
// unprivileged user and go on as that user, as the images of databases do. So a folder of the host
// that root or somebody else owns can be mounted, and nothing but that one step runs with root's
// rights.
//
// The image asks for it by environment variables. Outside the image they are not set, and with
// --user the process is not root's; then nothing happens.
//
// The package may import golang.org/x/sys.
package runas
