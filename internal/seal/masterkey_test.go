package seal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/latchkey-io/latchkey/internal/seal"
)

func newMaster(t testing.TB) *seal.MasterKey {
	t.Helper()
	m, err := seal.CreateMasterKey(filepath.Join(t.TempDir(), "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMasterKeyIsMadeOnceAndPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	made, err := seal.CreateMasterKey(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(before), "\n"); lines != 1 || !strings.HasPrefix(string(before), "latchkey-master-1:") {
		t.Errorf("not one line with a version")
	}

	if _, err := seal.CreateMasterKey(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Create: %v, want fs.ErrExist", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the second Create changed the file")
	}
	loaded, err := seal.LoadMasterKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Fingerprint() != made.Fingerprint() {
		t.Error("the loaded key is another one")
	}
	if other := newMaster(t); other.Fingerprint() == made.Fingerprint() {
		t.Error("two keys have one fingerprint")
	}
}

func TestMasterKeyIsNotMadeBehindADanglingLink(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "master.key")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.CreateMasterKey(link); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create: %v, want fs.ErrExist", err)
	}
}

func TestLoadMasterKeyRefuses(t *testing.T) {
	good := "latchkey-master-1:" + strings.Repeat("A", 43)
	for name, text := range map[string]string{
		"empty":             "",
		"short":             good[:len(good)-1],
		"long":              good + "A",
		"other version":     strings.Replace(good, "-1:", "-2:", 1),
		"no prefix":         strings.Repeat("A", 43),
		"stray bits":        good[:len(good)-1] + "B",
		"standard alphabet": good[:len(good)-2] + "+A",
		"line end inside":   good[:30] + "\n" + good[31:],
		"two lines":         good + "\n" + good + "\n",
		"leading blank":     " " + good,
		"trailing blank":    good + " ",
		"padded":            good + "=",
		"huge":              strings.Repeat(good, 10000),
		"binary":            "\x00\xff\xfe",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "master.key")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := seal.LoadMasterKey(path)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), strings.Repeat("A", 8)) {
				t.Errorf("error %q: want the path and nothing of the key", err)
			}
		})
	}
}

func TestLoadMasterKeyByMode(t *testing.T) {
	for mode, ok := range map[fs.FileMode]bool{
		0o600: true, 0o400: true, 0o700: true,
		0o640: false, 0o604: false, 0o660: false, 0o644: false, 0o610: false, 0o602: false,
	} {
		path := filepath.Join(t.TempDir(), "master.key")
		if _, err := seal.CreateMasterKey(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := seal.LoadMasterKey(path)
		if (err == nil) != ok {
			t.Errorf("mode %04o: %v", mode, err)
		}
		if !ok && !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %04o: error %q does not say what to do", mode, err)
		}
	}
}

func TestLoadMasterKeyByKindOfFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "master.key")
	m, err := seal.CreateMasterKey(path)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := seal.LoadMasterKey(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v, want fs.ErrNotExist", err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if l, err := seal.LoadMasterKey(link); err != nil || l.Fingerprint() != m.Fingerprint() {
		t.Errorf("through a link: %v", err)
	}
	if _, err := seal.LoadMasterKey(dir); err == nil {
		t.Error("a folder was accepted")
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.LoadMasterKey(pipe); err == nil {
		t.Error("a pipe was accepted")
	}
	if err := os.WriteFile(link, []byte(strings.TrimSuffix(readFile(t, path), "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.LoadMasterKey(path); err != nil {
		t.Errorf("without newline: %v", err)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestKeysDoNotPrint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	m, err := seal.CreateMasterKey(path)
	if err != nil {
		t.Fatal(err)
	}
	r := testRing()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		for _, key := range []any{m, *m, r} {
			if got := fmt.Sprintf(verb, key); got != "[secret]" {
				t.Errorf("%s of %T prints %q", verb, key, got)
			}
		}
	}
	for _, key := range []any{m, r} {
		if b, err := json.Marshal(key); err != nil || string(b) != "{}" {
			t.Errorf("json of %T: %s, %v", key, b, err)
		}
	}
}
