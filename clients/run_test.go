//go:build clients

package clients_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// run is one use with one secret, in a home of its own.
type run struct {
	g      *gate
	home   string
	work   string // where scripts run
	root   string // stands for / in files of the system
	secret string
	blocks []block
	env    []string

	output string // of all scripts
}

func (g *gate) newRun(t *testing.T, u use, secret string) *run {
	t.Helper()
	dir := t.TempDir()
	r := &run{g: g, home: filepath.Join(dir, "home"), work: filepath.Join(dir, "work"), root: filepath.Join(dir, "root"), secret: secret, blocks: blocksOf(t, u.name)}
	for _, d := range []string{r.home, r.work, r.root} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r.env = append(environment(r.home, g.first),
		"LATCHKEY="+g.url, "HOST="+g.host, "MACHINE="+machine, "SSH="+g.ssh, "USER="+person, "SECRET="+secret)
	if u.prepare != nil {
		u.prepare(t, r)
	}
	return r
}

// fill puts the values of variables into a settings file.
func (r *run) fill(text string) string {
	return strings.NewReplacer(
		"$LATCHKEY", r.g.url, "$HOST", r.g.host, "$MACHINE", machine, "$SSH", r.g.ssh, "$USER", person, "$SECRET", r.secret,
		"$BASIC", base64.StdEncoding.EncodeToString([]byte(person+":"+r.secret)),
	).Replace(text)
}

// play writes the files and runs the scripts, until one fails.
func (r *run) play(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	for _, b := range r.blocks {
		if b.file != "" {
			write(t, r.path(b.file), r.fill(b.text))
			continue
		}
		if err := r.shell(ctx, b.text); err != nil {
			t.Fatalf("%s:%d: %v\n%s", document, b.line, err, r.output)
		}
	}
}

// fail runs the scripts with a wrong secret: each that sends a request must
// fail, and soon.
func (r *run) fail(t *testing.T) {
	t.Helper()
	for _, b := range r.blocks {
		if b.file != "" {
			write(t, r.path(b.file), r.fill(b.text))
			continue
		}
		ctx, stop := context.WithTimeout(t.Context(), soon)
		before := r.g.requests()
		err := r.shell(ctx, b.text)
		if ctx.Err() != nil {
			t.Errorf("%s:%d: it does not give up within %s", document, b.line, soon)
		}
		stop()
		if err == nil && r.g.requests() > before {
			t.Errorf("%s:%d: a wrong secret does the work:\n%s", document, b.line, r.output)
		}
	}
}

// path is where a file of the document lies: below the home, the root or the
// working folder of this run.
func (r *run) path(name string) string {
	switch {
	case strings.HasPrefix(name, "~/"):
		return filepath.Join(r.home, name[2:])
	case strings.HasPrefix(name, "/"):
		return filepath.Join(r.root, name)
	}
	return filepath.Join(r.work, name)
}

// shell runs a script and takes its whole family along when its time is up.
func (r *run) shell(ctx context.Context, script string) error {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-eu", "-c", script)
	cmd.Dir, cmd.Env = r.work, r.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	r.output += out.String()
	return err
}

// environment is what a client finds: nothing of the person who runs the tests
// but the programs, those in the folders named first before others.
func environment(home string, first ...string) []string {
	tools, err := filepath.Abs("../bin/tools")
	if err != nil {
		panic(err) // there is no working folder
	}
	path := append(slices.DeleteFunc(first, func(dir string) bool { return dir == "" }),
		filepath.Join(tools, "clients"), filepath.Join(tools, "npm/node_modules/.bin"),
		"/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/local/go/bin")
	env := []string{
		"HOME=" + home, "LANG=C.UTF-8", "TMPDIR=" + home, "NO_COLOR=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Alice", "GIT_AUTHOR_EMAIL=alice@example.com", "GIT_COMMITTER_NAME=Alice", "GIT_COMMITTER_EMAIL=alice@example.com",
		// Java asks the system for the home, not the environment; and what lives
		// for a moment is not worth compiling well.
		"MAVEN_OPTS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Duser.home=" + home,
		"GRADLE_OPTS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dorg.gradle.daemon=false -Duser.home=" + home,
		"CARGO_HOME=" + home + "/.cargo",
		"GOTOOLCHAIN=local", "GOFLAGS=-modcacherw",
		"PIP_DISABLE_PIP_VERSION_CHECK=1",
	}
	for _, program := range []string{"go", "cargo"} {
		if at, err := exec.LookPath(program); err == nil {
			path = append(path, filepath.Dir(at))
		}
	}
	// rustup's cargo finds its toolchain there.
	if own, err := os.UserHomeDir(); err == nil {
		if _, err := os.Stat(own + "/.rustup"); err == nil {
			env = append(env, "RUSTUP_HOME="+own+"/.rustup")
		}
	}
	return append(env, "PATH="+strings.Join(path, ":"))
}

func readAll(t testing.TB, r io.Reader) []byte {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
