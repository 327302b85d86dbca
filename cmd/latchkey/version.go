package main

import (
	"fmt"
	"runtime"
)

// version is set by the linker: make build.
var version = "unknown"

type versionCommand struct{}

func (v *versionCommand) Run(c *console) error {
	if c.json {
		return c.printJSON(map[string]string{
			"version": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		})
	}
	_, err := fmt.Fprintf(c.out, "latchkey %s (%s %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
