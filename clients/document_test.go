//go:build clients

package clients_test

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"
)

const document = "../docs/clients.md"

// block is a fenced block of the document with the comment above it:
//
//	<!-- run npm-token npm-basic -->        a script, of two uses
//	<!-- write ~/.npmrc npm-token -->       a file; variables are filled in
//	<!-- only -->                           is neither: it is just read
type block struct {
	file string // where a file goes; "" for a script
	uses []string
	text string
	line int
}

// readDocument gives the blocks in their order.
func readDocument(t *testing.T) []block {
	t.Helper()
	f, err := os.Open(document)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var blocks []block
	var comment []string
	var current *block
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		fence := strings.HasPrefix(line, "```")
		switch {
		case current != nil && fence:
			blocks = append(blocks, *current)
			current, comment = nil, nil
		case current != nil:
			current.text += line + "\n"
		case fence:
			if len(comment) == 0 {
				t.Fatalf("%s:%d: this block has no comment above it that names its uses", document, n)
			}
			current = &block{uses: comment[1:], line: n}
			if comment[0] == "write" {
				current.file, current.uses = comment[1], comment[2:]
			}
		case strings.HasPrefix(line, "<!-- ") && strings.HasSuffix(line, " -->"):
			comment = strings.Fields(line[len("<!-- ") : len(line)-len(" -->")])
			if !slices.Contains([]string{"run", "write", "only"}, comment[0]) {
				t.Fatalf("%s:%d: a comment begins with run, write or only", document, n)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return blocks
}

// blocksOf are those of one use.
func blocksOf(t *testing.T, name string) []block {
	t.Helper()
	var of []block
	for _, b := range readDocument(t) {
		if slices.Contains(b.uses, name) {
			of = append(of, b)
		}
	}
	if len(of) == 0 {
		t.Fatalf("%s has no block for %s", document, name)
	}
	return of
}
