// Package container runs the image of ark-server without a container engine: each test unpacks the
// layers of the archive into a folder, and that folder is the root of a process with namespaces,
// mounts, environment, user and capabilities as Docker sets them. Ports are forwarded as "docker
// run -p" does, and further commands are started as "docker exec" does.
//
//   - image_test.go: reads the archive.
//   - engine_test.go, init_test.go, port_test.go: the engine.
//   - the others: what users do with the image.
//
// It needs root. Without -image it takes the binary in bin/ for the image; "make e2e-container"
// takes the archive that "make image" writes, and runs the image for the other architecture too,
// under qemu-user.
package container
