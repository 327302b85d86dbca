package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// benchBinary names the program that is measured as the daemon; without it,
// this test program.
const benchBinary = "LATCHKEY_BENCH_BINARY"

// startPeer starts one of peers and gives its address and process.
func startPeer(b *testing.B, name, arg string) (addr string, pid int) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestBenchPeer$")
	cmd.Env = append(os.Environ(), peerName+"="+name, peerArg+"="+arg)
	cmd.Stderr = os.Stderr
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		b.Fatalf("%s did not start: %v", name, err)
	}
	return strings.TrimSpace(line), cmd.Process.Pid
}

// measured is a daemon as it runs in production: nobody reads along, its lines
// are JSON and go to a file.
type measured struct {
	*daemonProcess
	b   *testing.B
	log *os.File
}

// newMeasured prepares a daemon with this configuration file, which may be
// empty.
func newMeasured(b *testing.B, config string, env ...string) *measured {
	b.Helper()
	d := &measured{daemonProcess: newDaemon(b, env...), b: b}
	d.args = []string{"serve"}
	if config != "" {
		file := filepath.Join(d.dir, "latchkey.yaml")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			b.Fatal(err)
		}
		d.env = append(d.env, "LATCHKEY_CONFIG="+file)
	}
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	d.log = log
	b.Cleanup(func() {
		if b.Failed() {
			b.Logf("the daemon's last lines:\n%s", d.lines())
		}
		log.Close()
	})
	return d
}

// start gives the time from the start of the process to the first yes of
// /readyz.
func (d *measured) start() time.Duration {
	d.b.Helper()
	program := os.Getenv(benchBinary)
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			d.b.Fatal(err)
		}
	}
	cmd := exec.Command(program)
	cmd.Args = append([]string{"latchkey"}, d.args...)
	cmd.Dir, cmd.Env = d.dir, d.env
	cmd.Stdout, cmd.Stderr = nil, d.log
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		d.b.Fatal(err)
	}
	over := make(chan struct{})
	d.cmd, d.over = cmd, over
	go func() {
		cmd.Wait()
		close(over)
	}()
	for end := begun.Add(patience); d.ready() != http.StatusOK; {
		select {
		case <-over:
			d.b.Fatalf("the daemon ended instead of starting:\n%s", d.lines())
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(end) {
			d.b.Fatalf("the daemon is not ready after %s:\n%s", patience, d.lines())
		}
	}
	return time.Since(begun)
}

func (d *measured) pid() int { return d.cmd.Process.Pid }

func (d *measured) lines() string {
	text, err := os.ReadFile(d.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4096):])
}

// forgetLines empties the log, so that a long run does not fill the disk.
func (d *measured) forgetLines() {
	if err := d.log.Truncate(0); err != nil {
		d.b.Fatal(err)
	}
}

// cpuOf is the CPU time of a process and of its children that have ended, user
// and system: of proc(5), the first number of each thread's schedstat in
// nanoseconds, and fields 16 and 17 of stat in hundredths of a second.
func cpuOf(b *testing.B, pid int) time.Duration {
	b.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		b.Fatalf("process %d has no threads in /proc: %v", pid, err)
	}
	var sum time.Duration
	for _, file := range threads {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // a thread that has just ended
		}
		if err != nil {
			b.Fatal(err)
		}
		ran, _, _ := strings.Cut(string(text), " ")
		sum += time.Duration(number(b, ran))
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])) // from field 3 on
	return sum + time.Duration(number(b, fields[13])+number(b, fields[14]))*10*time.Millisecond
}

// rssOf is the memory that a process holds, in MB.
func rssOf(b *testing.B, pid int) float64 { return memoryOf(b, pid, "VmRSS:") }

// memoryOf is a line of proc(5)'s status, in MB: VmRSS for what a process
// holds, VmHWM for the most that it ever held.
func memoryOf(b *testing.B, pid int, field string) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), field)
	return float64(number(b, strings.Fields(rest)[0])) * 1024 / 1e6
}

// awaitChildren waits until a process has no children any more.
func awaitChildren(b *testing.B, pid int) {
	b.Helper()
	until(b, "the children have ended", func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		return err != nil || len(strings.TrimSpace(string(text))) == 0
	})
}

func number(b *testing.B, s string) int64 {
	b.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
