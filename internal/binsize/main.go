// Command binsize prints what takes the size of a Go binary: its sections, and the machine code of
// each module with what the runtime has to know of it. With -most it fails above a size.
//
//	go run ./internal/binsize -most=125 bin/ark-server
//
// A stripped binary has no symbols, so the modules' shares are those of their functions, by the
// table that the runtime walks stacks with; read-only data is not divided.
//
// The package may import the standard library only.
package main

import (
	"debug/buildinfo"
	"debug/elf"
	"debug/gosym"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

const megabyte = 1 << 20

func main() {
	most := flag.Float64("most", 0, "fail above so many MiB; 0 for no bound")
	modules := flag.Int("modules", 25, "how many modules to list")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: binsize [-most=MIB] BINARY")
		os.Exit(2)
	}
	if err := report(flag.Arg(0), *most, *modules, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "binsize: %s: %v\n", flag.Arg(0), err)
		os.Exit(1)
	}
}

// part is a share of the binary.
type part struct {
	name  string
	bytes uint64
	all   bool // it has the function that makes the linker keep all methods
}

func report(path string, most float64, modules int, out io.Writer) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	size := float64(info.Size()) / megabyte
	sections, code, err := parts(path)
	if err != nil {
		return err
	}
	var errs []error
	line := func(format string, args ...any) {
		_, err := fmt.Fprintf(out, format+"\n", args...)
		errs = append(errs, err)
	}
	line("%s: %.1f MiB", path, size)
	line("\n| section | MiB |\n|---|---|")
	for _, p := range sections {
		line("| %s | %.1f |", p.name, float64(p.bytes)/megabyte)
	}
	line("\n| module | code, MiB |\n|---|---|")
	rest := part{name: fmt.Sprintf("%d more", max(0, len(code)-modules))}
	for i, p := range code {
		if i < modules {
			line("| %s | %.1f |", p.name, float64(p.bytes)/megabyte)
		} else {
			rest.bytes += p.bytes
		}
	}
	if rest.bytes > 0 {
		line("| %s | %.1f |", rest.name, float64(rest.bytes)/megabyte)
	}
	if most > 0 && slices.ContainsFunc(code, func(p part) bool { return p.all }) {
		errs = append(errs, errors.New("it executes templates of text/template or html/template, so the linker has kept every exported method of every type, "+
			"a fifth of the binary: go build -ldflags=-dumpdep names who reaches (*Template).execute; internal/engine/render executes templates without"))
	}
	if most > 0 && size > most {
		errs = append(errs, fmt.Errorf("it has %.1f MiB, and %.0f are the most: see in the tables what has grown, and do without it", size, most))
	}
	return errors.Join(errs...)
}

// parts returns the larger sections of an ELF file and the code of each module, the largest first.
func parts(path string) (sections, code []part, err error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("it is no binary for Linux: %w", err)
	}
	defer file.Close()
	for _, s := range file.Sections {
		if s.Type != elf.SHT_NOBITS && s.Size > megabyte/2 {
			sections = append(sections, part{name: s.Name, bytes: s.FileSize})
		}
	}
	built, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	text, table := file.Section(".text"), file.Section(".gopclntab")
	if text == nil || table == nil {
		return nil, nil, errors.New("it has no table of functions")
	}
	content, err := table.Data()
	if err != nil {
		return nil, nil, err
	}
	symbols, err := gosym.NewTable(nil, gosym.NewLineTable(content, text.Addr))
	if err != nil {
		return nil, nil, fmt.Errorf("read its table of functions: %w", err)
	}
	byModule := map[string]*part{}
	for _, f := range symbols.Funcs {
		name := moduleOf(f.PackageName(), built)
		if byModule[name] == nil {
			byModule[name] = &part{name: name}
		}
		byModule[name].bytes += f.End - f.Entry
		byModule[name].all = byModule[name].all || f.Name == "text/template.(*state).evalField"
	}
	for _, p := range byModule {
		code = append(code, *p)
	}
	for _, list := range [][]part{sections, code} {
		slices.SortFunc(list, func(a, b part) int {
			if a.bytes != b.bytes {
				return int(b.bytes>>1) - int(a.bytes>>1)
			}
			return strings.Compare(a.name, b.name)
		})
	}
	return sections, code, nil
}

// moduleOf returns the module of a package, by the longest path that fits.
func moduleOf(pkg string, built *buildinfo.BuildInfo) string {
	within := func(module string) bool { return pkg == module || strings.HasPrefix(pkg, module+"/") }
	if within(built.Main.Path) || pkg == "main" {
		return built.Main.Path
	}
	best := ""
	for _, m := range built.Deps {
		if within(m.Path) && len(m.Path) > len(best) {
			best = m.Path
		}
	}
	if best == "" {
		return "Go's own libraries, and what the compiler adds"
	}
	return best
}
