package lfs_test

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// clients are the git-lfs programs to test with: the distribution's, and a
// newer one where LATCHKEY_GIT_LFS_NEW names it.
func clients(t *testing.T) []string {
	t.Helper()
	var out []string
	if _, err := os.Stat("/usr/bin/git-lfs"); err == nil {
		out = append(out, "/usr/bin/git-lfs")
	} else if found, err := exec.LookPath("git-lfs"); err == nil {
		out = append(out, found)
	} else {
		t.Fatal("git-lfs is needed: install the package git-lfs")
	}
	if newer := os.Getenv("LATCHKEY_GIT_LFS_NEW"); newer != "" {
		out = append(out, newer)
	}
	return out
}

// git runs git and git-lfs in a home of its own.
type git struct {
	t   *testing.T
	env []string
}

func newGit(t *testing.T, client string) *git {
	t.Helper()
	home, bin := t.TempDir(), t.TempDir()
	if err := os.Symlink(client, filepath.Join(bin, "git-lfs")); err != nil {
		t.Fatal(err)
	}
	g := &git{t: t, env: []string{
		"HOME=" + home, "PATH=" + bin + ":/usr/bin:/bin", "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	}}
	g.run("/", "lfs", "install", "--skip-repo")
	g.run("/", "config", "--global", "init.defaultBranch", "main")
	return g
}

func (g *git) try(dir string, args ...string) (string, error) {
	g.t.Helper()
	c := exec.CommandContext(g.t.Context(), "/usr/bin/git", args...)
	c.Dir, c.Env = dir, g.env
	c.WaitDelay = 10 * time.Second
	out, err := c.CombinedOutput()
	return string(out), err
}

func (g *git) run(dir string, args ...string) string {
	g.t.Helper()
	out, err := g.try(dir, args...)
	if err != nil {
		g.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// work is a working copy whose LFS objects go to base on s as user, and whose
// commits go to origin, a bare repository.
func (g *git) work(s *server, user, base string) (work, origin string) {
	g.t.Helper()
	origin, work = filepath.Join(g.t.TempDir(), "origin.git"), filepath.Join(g.t.TempDir(), "work")
	g.run("/", "init", "-q", "--bare", origin)
	g.run("/", "clone", "-q", origin, work)
	g.run(work, "config", "lfs.url", s.as(user)+base)
	g.run(work, "lfs", "track", "*.bin")
	return work, origin
}

// as is the server's URL with user's credential.
func (s *server) as(user string) string {
	u, _ := url.Parse(s.URL)
	u.User = url.UserPassword(user, "secret")
	return u.String()
}

func (g *git) commit(work string, files map[string][]byte) {
	g.t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(work, name), content, 0o644); err != nil {
			g.t.Fatal(err)
		}
	}
	g.run(work, "add", "-A")
	g.run(work, "commit", "-q", "-m", "files")
}

func TestRealClients(t *testing.T) {
	for _, client := range clients(t) {
		t.Run(version(t, client), func(t *testing.T) {
			for _, base := range []string{"/lfs/team/assets", "/lfs/team/assets.git/info/lfs", "/artifactory/api/lfs/assets", "/artifactory/api/lfs/media/assets"} {
				t.Run(base, func(t *testing.T) { pushAndPull(t, client, base) })
			}
			t.Run("locks", func(t *testing.T) { lockWithClient(t, client) })
			t.Run("refused", func(t *testing.T) { pushRefused(t, client) })
			t.Run("corrupted", func(t *testing.T) { pushCorrupted(t, client) })
		})
	}
}

func version(t *testing.T, client string) string {
	t.Helper()
	out, err := exec.Command(client, "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(string(out), " ")
	return strings.ReplaceAll(name, "/", " ")
}

func pushAndPull(t *testing.T, client, base string) {
	s, g := newServer(t), newGit(t, client)
	work, origin := g.work(s, "alice", base)
	files := map[string][]byte{"empty.bin": {}, "big.bin": random(3 << 20)}
	for i := range 120 { // more than one batch
		files[fmt.Sprintf("f%d.bin", i)] = random(100 + i)
	}
	g.commit(work, files)
	g.run(work, "push", "-q", "origin", "main")
	if got := len(s.files(t)); got != 121 && got != 122 { // clients need not send the empty one
		t.Errorf("%d files in the store, want 121: %v", got, s.files(t))
	}
	pushed := s.seen()
	if i := slices.IndexFunc(pushed, func(r string) bool { return strings.HasPrefix(r, "POST") && strings.HasSuffix(r, "objects/verify OK") }); i >= 0 {
		t.Error("the client was made to verify what PUT had verified")
	}

	// Nothing is sent twice.
	g.run(work, "lfs", "push", "--all", "origin")
	if again := s.seen(); slices.ContainsFunc(again, func(r string) bool { return strings.HasPrefix(r, "PUT") }) {
		t.Error("objects were sent again:", again)
	}

	clone := filepath.Join(t.TempDir(), "clone")
	g.run("/", "-c", "lfs.url="+s.as("reader")+base, "clone", "-q", origin, clone)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(clone, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s differs after clone (%v)", name, err)
		}
	}
}

func lockWithClient(t *testing.T, client string) {
	s, g := newServer(t), newGit(t, client)
	work, _ := g.work(s, "alice", "/lfs/team/assets")
	g.commit(work, map[string][]byte{"a.bin": random(10)})
	g.run(work, "push", "-q", "origin", "main")
	g.run(work, "lfs", "lock", "a.bin")
	if out := g.run(work, "lfs", "locks"); !strings.Contains(out, "a.bin") || !strings.Contains(out, "alice") {
		t.Errorf("locks: %s", out)
	}
	// Somebody else can neither lock it, push it, nor unlock it.
	as := func(user string) []string { return []string{"-c", "lfs.url=" + s.as(user) + "/lfs/team/assets"} }
	if out, err := g.try(work, append(as("bob"), "lfs", "lock", "a.bin")...); err == nil {
		t.Errorf("bob locked it too: %s", out)
	}
	g.commit(work, map[string][]byte{"a.bin": random(11)})
	if out, err := g.try(work, append(as("bob"), "-c", "lfs.locksverify=true", "push", "origin", "main")...); err == nil || !strings.Contains(out, "alice") {
		t.Errorf("bob pushed over the lock of alice: %s", out)
	}
	if out, err := g.try(work, append(as("bob"), "lfs", "unlock", "--force", "a.bin")...); err == nil || !strings.Contains(out, "administrator") {
		t.Errorf("bob unlocked it: %s", out)
	}
	g.run(work, append(as("root"), "lfs", "unlock", "--force", "a.bin")...)
	if out := g.run(work, "lfs", "locks"); strings.Contains(out, "a.bin") {
		t.Errorf("still locked: %s", out)
	}
	g.run(work, "lfs", "lock", "a.bin")
	g.run(work, "-c", "lfs.locksverify=true", "push", "-q", "origin", "main")
	g.run(work, "lfs", "unlock", "a.bin")
}

// A refusal is one request, a message, and no ref on the remote.
func pushRefused(t *testing.T, client string) {
	s, g := newServer(t), newGit(t, client)
	work, origin := g.work(s, "reader", "/lfs/team/assets")
	g.commit(work, map[string][]byte{"a.bin": random(10)})
	g.run(work, "config", "lfs.locksverify", "false")
	out, err := g.try(work, "push", "origin", "main")
	if err == nil || !strings.Contains(out, "may not write") {
		t.Errorf("push of a reader: %v\n%s", err, out)
	}
	if got := s.seen(); len(got) > 2 {
		t.Errorf("%d requests for one refusal: %v", len(got), got)
	}
	if refs := g.run(origin, "for-each-ref"); refs != "" {
		t.Errorf("the ref was pushed without the object: %s", refs)
	}
}

// An object that is not what its name says fails the push: the client must
// not take the answer for success.
func pushCorrupted(t *testing.T, client string) {
	s, g := newServer(t), newGit(t, client)
	work, origin := g.work(s, "alice", "/lfs/team/assets")
	content := random(100)
	g.commit(work, map[string][]byte{"a.bin": content})
	oid := describe(content).OID
	local := filepath.Join(work, ".git/lfs/objects", oid[:2], oid[2:4], oid)
	if err := os.Chmod(local, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(local, random(100), 0o644); err != nil {
		t.Fatal(err)
	}
	g.run(work, "config", "lfs.transfer.maxretries", "1")
	out, err := g.try(work, "push", "origin", "main")
	if err == nil {
		t.Errorf("a corrupted object was pushed: %s", out)
	}
	if refs := g.run(origin, "for-each-ref"); refs != "" {
		t.Errorf("the ref was pushed without the object: %s", refs)
	}
	for _, f := range s.files(t) {
		if strings.Contains(f, oid) || strings.Contains(f, ".incoming") {
			t.Errorf("left behind: %s", f)
		}
	}
}

// TestServerAPISuite runs git-lfs's own suite for servers, where
// LATCHKEY_LFS_API_SUITE names it.
func TestServerAPISuite(t *testing.T) {
	suite := os.Getenv("LATCHKEY_LFS_API_SUITE")
	if suite == "" {
		t.Skip("LATCHKEY_LFS_API_SUITE does not name git-lfs-test-server-api; make test sets it")
	}
	for _, base := range []string{"/lfs/suite.git/info/lfs", "/artifactory/api/lfs/suite"} {
		t.Run(base, func(t *testing.T) {
			s, g := newServer(t), newGit(t, clients(t)[0])
			c := exec.CommandContext(t.Context(), suite, "--url="+s.as("alice")+base)
			c.Dir, c.Env = t.TempDir(), g.env
			out, err := c.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "All tests passed") {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}
