package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The program that moves the objects, and what asks for this long benchmark.
const (
	gitLFS   = "LATCHKEY_GIT_LFS" // else git-lfs of the path
	benchLFS = "BENCH_LFS"
)

// BenchmarkLFS is git lfs push and fetch of one file of 1 GiB and of 2,000
// files of 20 KiB to the built-in store over HTTP with an API key. It takes
// minutes and some gigabytes of disk, so it runs only with BENCH_LFS=1.
//
//	BENCH_LFS=1 go test -run '^$' -bench '^BenchmarkLFS$' -benchtime 3x ./cmd/latchkey
func BenchmarkLFS(b *testing.B) {
	if os.Getenv(benchLFS) == "" {
		b.Skip("long: set BENCH_LFS=1")
	}
	loads := []struct {
		name       string
		files      int
		size       int64
		push, pull lfsFigures
	}{
		{name: "1 × 1 GiB", files: 1, size: 1 << 30},
		{name: "2,000 × 20 KiB", files: 2000, size: 20 << 10},
	}
	for b.Loop() {
		for i := range loads {
			l := &loads[i]
			d := newMeasured(b, "")
			d.start()
			d.do("user", "create", "alice", "--email", "alice@example.com")
			c := newLFSClient(b, d, d.do("apikey", "create", "alice"))
			c.commit(l.files, l.size)
			l.push.add(b, d, func() { c.run("work", "git", "lfs", "push", "--all", "origin") })
			c.run(".", "git", "clone", "-q", "remote.git", "copy")
			c.configure("copy")
			l.pull.add(b, d, func() { c.run("copy", "git", "lfs", "fetch", "origin", "main") })
			if d.stop() != exitOK {
				b.Fatal("the daemon did not end well")
			}
			if err := os.RemoveAll(d.dir); err != nil {
				b.Fatal(err)
			}
			if err := os.RemoveAll(c.dir); err != nil {
				b.Fatal(err)
			}
		}
	}
	rows := []string{"|seconds|server CPU s|server's most memory, MB"}
	for _, l := range loads {
		rows = append(rows, l.push.row("push "+l.name), l.pull.row("fetch "+l.name))
	}
	printTable(fmt.Sprintf("Git LFS over HTTP, medians of %d rounds", len(loads[0].push.wall)), rows...)
}

type lfsFigures struct{ wall, cpu, memory []float64 }

func (f *lfsFigures) add(b *testing.B, d *measured, transfer func()) {
	before, begun := cpuOf(b, d.pid()), time.Now()
	transfer()
	f.wall = append(f.wall, time.Since(begun).Seconds())
	f.cpu = append(f.cpu, (cpuOf(b, d.pid()) - before).Seconds())
	f.memory = append(f.memory, memoryOf(b, d.pid(), "VmHWM:"))
}

func (f *lfsFigures) row(name string) string {
	return fmt.Sprintf("%s|%.2f|%.2f|%.0f", name, median(f.wall), median(f.cpu), median(f.memory))
}

// lfsClient is a person's machine: a repository, its remote, and the
// credential in a file.
type lfsClient struct {
	b        *testing.B
	d        *measured
	dir, url string
	env      []string
}

func newLFSClient(b *testing.B, d *measured, key string) *lfsClient {
	b.Helper()
	c := &lfsClient{b: b, d: d, dir: b.TempDir(), url: "http://" + d.http + "/lfs/team/assets"}
	path := os.Getenv("PATH")
	if program := os.Getenv(gitLFS); program != "" {
		path = filepath.Dir(program) + string(os.PathListSeparator) + path
	}
	c.env = []string{
		"PATH=" + path, "HOME=" + c.dir, "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_LFS_SKIP_SMUDGE=1",
		"GIT_AUTHOR_NAME=Alice", "GIT_AUTHOR_EMAIL=alice@example.com", "GIT_COMMITTER_NAME=Alice", "GIT_COMMITTER_EMAIL=alice@example.com",
	}
	line := strings.Replace(c.url, "http://", "http://alice:"+key+"@", 1) + "\n"
	if err := os.WriteFile(filepath.Join(c.dir, "credentials"), []byte(line), 0o600); err != nil {
		b.Fatal(err)
	}
	c.run(".", "git", "init", "-q", "--bare", "-b", "main", "remote.git")
	c.run(".", "git", "init", "-q", "-b", "main", "work")
	c.run("work", "git", "remote", "add", "origin", "../remote.git")
	c.configure("work")
	return c
}

func (c *lfsClient) configure(repository string) {
	c.b.Helper()
	c.run(repository, "git", "config", "lfs.url", c.url)
	c.run(repository, "git", "config", "lfs.locksverify", "false")
	c.run(repository, "git", "config", "credential.helper", "store --file="+filepath.Join(c.dir, "credentials"))
	c.run(repository, "git", "lfs", "install", "--local", "--skip-repo")
}

// commit makes files of random bytes and pushes what git keeps of them.
func (c *lfsClient) commit(files int, size int64) {
	c.b.Helper()
	c.run("work", "git", "lfs", "track", "*.bin")
	for i := range files {
		f, err := os.Create(filepath.Join(c.dir, "work", fmt.Sprintf("%d.bin", i)))
		if err != nil {
			c.b.Fatal(err)
		}
		_, err = io.CopyN(f, rand.Reader, size)
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			c.b.Fatal(err)
		}
	}
	c.run("work", "git", "add", ".")
	c.run("work", "git", "commit", "-q", "-m", "files")
	c.run("work", "git", "push", "-q", "--no-verify", "origin", "main")
}

func (c *lfsClient) run(repository, program string, args ...string) {
	c.b.Helper()
	cmd := exec.CommandContext(c.b.Context(), program, args...)
	cmd.Dir, cmd.Env = filepath.Join(c.dir, repository), c.env
	if out, err := cmd.CombinedOutput(); err != nil {
		c.b.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
}
