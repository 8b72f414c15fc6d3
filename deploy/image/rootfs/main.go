// Command rootfs writes the files of the image to a folder, for the Dockerfile.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"

	"github.com/mckinsey/ark-server/deploy/image/build"
	"github.com/mckinsey/ark-server/deploy/image/content"
)

func main() {
	dir := flag.String("o", "rootfs", "`folder` to make")
	root := flag.String("root", "../..", "`folder` of the repository")
	arch := flag.String("arch", runtime.GOARCH, "`architecture` to build the server for")
	version := flag.String("version", "dev", "`version` of the server")
	flag.Parse()
	binary, err := build.Server(*root, *arch, *version)
	if err == nil {
		err = content.WriteFolder(*dir, append(content.Base(), content.Server(binary)...))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rootfs:", err)
		os.Exit(1)
	}
}
