package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v4"
)

const (
	// MaxFileSize bounds the configuration file, in bytes.
	MaxFileSize = 4 << 20
	// MaxRoutes bounds the list of routes: a file made by a program that ran
	// wild is refused before it is served.
	MaxRoutes = 10_000
	// maxFaults bounds what is reported about one file.
	maxFaults = 1000
	// maxText bounds one value, in bytes.
	maxText = 4096
)

// LoadOptions says where a configuration comes from.
type LoadOptions struct {
	// File is the YAML file; empty means none, only defaults and Env.
	File string
	// Env is the environment as KEY=VALUE; what does not begin with
	// LATCHKEY_ is not looked at. It wins over File.
	Env []string
	// Reserved names the variables that begin with LATCHKEY_ and are not
	// settings: those of the command line.
	Reserved []string
}

// Load reads the file, puts the environment over it, and validates. The error
// is always a Faults, with everything that is wrong. A file that cannot be
// read is one fault.
func Load(o LoadOptions) (*Config, error) {
	l := &loader{c: Default(), file: o.File, report: report{origins: map[string]origin{}, refused: map[string]bool{}}}
	if o.File != "" {
		text, err := readFile(o.File)
		if err != nil {
			return nil, Faults{{File: o.File, Text: err.Error()}}
		}
		if !l.yaml(text) {
			return nil, l.sorted()
		}
	}
	l.env(o.Env, o.Reserved)
	_, given := l.origins["routes"]
	l.c.complete(given)
	l.c.validate(&l.report)
	if len(l.faults) > 0 {
		return nil, l.sorted()
	}
	l.c.HTTP.PublicURL = canonicalURL(l.c.HTTP.PublicURL)
	return l.c, nil
}

// Validate judges a Config that was built by hand. The error is a Faults
// without lines, or nil.
func (c *Config) Validate() error {
	r := &report{}
	c.validate(r)
	if len(r.faults) > 0 {
		return r.faults
	}
	return nil
}

// complete fills in what follows from other values. The one route of a file
// without routes keeps its objects in data_dir, wherever that is.
func (c *Config) complete(routesGiven bool) {
	if !routesGiven && c.DataDir != "" && c.DataDir != Default().DataDir {
		c.Routes[0].Upstream = "lfs:" + filepath.Join(c.DataDir, "lfs")
	}
	for i := range c.Routes {
		if r := &c.Routes[i]; r.Host != "" && r.Path == "" {
			r.Path = "/"
		}
	}
	for i := range c.Providers {
		c.Providers[i].complete()
	}
}

type loader struct {
	report
	c    *Config
	file string
}

// yaml fills the Config from text. It reports false when the text is not YAML,
// so that nothing more can be said about it.
func (l *loader) yaml(text []byte) bool {
	dec, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		l.add(l.file, 0, "", "cannot be read as YAML")
		return false
	}
	var doc yaml.Node
	switch err := dec.Load(&doc); {
	case errors.Is(err, io.EOF):
		return true
	case err != nil:
		l.syntax(err)
		return false
	}
	root := &doc
	if doc.Kind == yaml.DocumentNode {
		if len(doc.Content) != 1 {
			return true
		}
		root = doc.Content[0]
	}
	l.root(root)
	var next yaml.Node
	switch err := dec.Load(&next); {
	case errors.Is(err, io.EOF):
	case err != nil:
		l.syntax(err)
		return false
	default:
		l.add(l.file, next.Line, "", "a second YAML document begins here; write one document")
	}
	return true
}

func (l *loader) syntax(err error) {
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		l.add(l.file, e.Mark.Line, "", "not valid YAML: "+e.Message)
		return
	}
	l.add(l.file, 0, "", "not valid YAML")
}

// readFile reads a configuration file with an error a person can act on.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %s", reason(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %s", reason(err))
	}
	if len(text) > MaxFileSize {
		return nil, fmt.Errorf("is larger than %d MiB", MaxFileSize>>20)
	}
	return text, nil
}

// reason is err without the operation and path that the sentence has already.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// origin is where a value was written.
type origin struct {
	file string
	line int
}

// report collects faults and knows where each value came from. The zero value
// knows no places.
type report struct {
	origins map[string]origin
	refused map[string]bool // paths that have a fault from reading already
	faults  Faults
}

// add reports a fault at a known place.
func (r *report) add(file string, line int, path, text string) {
	switch n := len(r.faults); {
	case n < maxFaults:
		r.faults = append(r.faults, Fault{File: file, Line: line, Path: path, Text: text})
	case n == maxFaults:
		r.faults = append(r.faults, Fault{File: file, Text: "there are more faults; they are shown when these are gone"})
	}
}

// at reports a fault of the value at path, where that value, or what it is
// part of, was written. A value that could not be read is not judged again.
func (r *report) at(path, format string, args ...any) {
	if r.refused[path] {
		return
	}
	var o origin
	for p := path; p != ""; p = parent(p) {
		if found, ok := r.origins[p]; ok {
			o = found
			break
		}
	}
	r.add(o.file, o.line, path, fmt.Sprintf(format, args...))
}

// refuse reports a value that could not be read.
func (r *report) refuse(path string, o origin, text string) {
	r.refused[path] = true
	r.add(o.file, o.line, path, text)
}

// sorted is the faults by line; those without a line come last.
func (r *report) sorted() Faults {
	slices.SortStableFunc(r.faults, func(a, b Fault) int {
		switch {
		case a.Line == b.Line:
			return 0
		case a.Line == 0:
			return 1
		case b.Line == 0:
			return -1
		}
		return a.Line - b.Line
	})
	return r.faults
}
