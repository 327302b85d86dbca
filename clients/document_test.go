//go:build clients

package clients_test

import (
	"bufio"
	"os"
	"regexp"
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

// Every block is somebody's, so that none is there that nobody runs.
func TestEveryBlockIsTried(t *testing.T) {
	known := make(map[string]bool)
	for _, c := range clients() {
		for _, u := range c.uses {
			known[u.name] = true
		}
	}
	for _, b := range readDocument(t) {
		for _, name := range b.uses {
			if !known[name] {
				t.Errorf("%s:%d: nobody tries %s", document, b.line, name)
			}
		}
	}
}

// What a wrong secret makes a client say is told in its section.
func TestTheDocumentTellsWhatAWrongSecretSays(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clients() {
		for _, u := range c.uses {
			quoted := regexp.MustCompile("`[^`\n]*" + regexp.QuoteMeta(u.says) + "[^`\n]*`")
			if u.says == "" || !quoted.Match(text) {
				t.Errorf("%s: the document does not quote %q", u.name, u.says)
			}
		}
	}
}

// notTried is the row of the table that no client here can stand for.
const notTried = "jf"

// The table says which kinds fit which client: those that are tried, no others.
func TestTheTableSaysWhatIsTried(t *testing.T) {
	kinds := []kind{password, encrypted, apiKey, accessToken, referenceToken, sshKey}
	tried := make(map[string]map[kind]bool)
	for _, c := range clients() {
		fits := make(map[kind]bool)
		for _, u := range c.uses {
			for _, k := range u.kinds {
				fits[k] = true
			}
		}
		tried[strings.TrimPrefix(c.name, "newest ")] = fits
	}
	rows := readTable(t)
	for name, cells := range rows {
		if name == notTried {
			continue
		}
		fits, ok := tried[name]
		if !ok {
			t.Errorf("the table has %s, which nobody tries", name)
			continue
		}
		for i, k := range kinds {
			if says := cells[i] == "yes"; says != fits[k] {
				t.Errorf("%s with %s: the table says %q", name, k, cells[i])
			}
		}
	}
	for name := range tried {
		if rows[name] == nil {
			t.Errorf("the table has no %s", name)
		}
	}
}

// readTable gives the cells of the table of clients by the names in the first.
func readTable(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "\n| client |")
	if !ok {
		t.Fatal("there is no table of clients")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	rows := make(map[string][]string)
	for _, line := range strings.Split(table, "\n")[2:] {
		cells := strings.Split(strings.Trim(line, "| "), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		for name := range strings.SplitSeq(cells[0], ", ") {
			rows[name] = cells[1:]
		}
	}
	return rows
}
