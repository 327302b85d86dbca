package configs

import (
	_ "embed"
	"slices"
)

//go:embed latchkey.example.yaml
var example []byte

// Example is the commented example file: every key, at its default.
func Example() []byte { return slices.Clone(example) }
