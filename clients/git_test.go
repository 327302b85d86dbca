//go:build clients

package clients_test

import (
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// newGit serves demo.git with git's own program for that.
func newGit(t *testing.T) http.Handler {
	dir := t.TempDir()
	git := func(in string, args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = in, environment(dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	git(dir, "init", "-q", "--bare", "-b", "main", "demo.git")
	git(filepath.Join(dir, "demo.git"), "config", "http.receivepack", "true")
	git(dir, "init", "-q", "-b", "main", "work")
	write(t, filepath.Join(dir, "work/hello.txt"), greeting)
	git(filepath.Join(dir, "work"), "add", ".")
	git(filepath.Join(dir, "work"), "commit", "-qm", "hello")
	git(filepath.Join(dir, "work"), "push", "-q", filepath.Join(dir, "demo.git"), "main")

	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	return &cgi.Handler{
		Path:       filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Env:        []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=" + person},
		InheritEnv: []string{"PATH"},
	}
}

func cloned(t *testing.T, r *run) {
	got, err := os.ReadFile(filepath.Join(r.work, "demo/hello.txt"))
	if err != nil || string(got) != greeting {
		t.Errorf("hello.txt is %q, %v", got, err)
	}
}
