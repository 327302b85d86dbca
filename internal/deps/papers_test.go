package deps_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the repository's, seen from here.
const root = "../.."

var (
	testName = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z][0-9A-Za-z_]*`)
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z][0-9A-Za-z_]*)\(`)
	// A link's target ends at a blank, behind which a title may stand.
	linkTo  = regexp.MustCompile(`\]\(([^)\s]+)[^)]*\)`)
	address = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:`) // https:, mailto:
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
)

// A test that a paper names is one that somebody can run.
func TestPapersNameTestsThatExist(t *testing.T) {
	known := testNames(t)
	named := 0
	for _, paper := range papers(t) {
		for _, name := range testName.FindAllString(read(t, paper), -1) {
			named++
			if !known[name] {
				t.Errorf("%s names %s, which is no test here", paper, name)
			}
		}
	}
	if named < 50 {
		t.Errorf("the papers name only %d tests: the test tests nothing", named)
	}
}

// A relative link leads to a file of the repository.
func TestPapersLinkToFilesThatExist(t *testing.T) {
	links := 0
	for _, paper := range papers(t) {
		text := fence.ReplaceAllString(read(t, paper), "")
		for _, match := range linkTo.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(match[1], "#")
			if target == "" || address.MatchString(target) {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(paper), target)); err != nil {
				t.Errorf("%s links to %s: %v", paper, match[1], err)
			}
		}
	}
	if links < 10 {
		t.Errorf("the papers have only %d links: the test tests nothing", links)
	}
}

// papers are what people read first.
func papers(t *testing.T) []string {
	t.Helper()
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(docs) == 0 {
		t.Fatalf("docs: %d files, %v", len(docs), err)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"} {
		docs = append(docs, filepath.Join(root, name))
	}
	return docs
}

// testNames are the tests and fuzz targets of the whole tree.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // gone since its folder was read
		case err != nil:
			return err
		case e.IsDir() && (strings.HasPrefix(e.Name(), ".git") || e.Name() == "bin" || e.Name() == "data" || e.Name() == "testdata"):
			return fs.SkipDir
		case e.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		for _, match := range testFunc.FindAllStringSubmatch(read(t, path), -1) {
			names[match[1]] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
