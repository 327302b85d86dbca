package sshd_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	gossh "golang.org/x/crypto/ssh"

	"github.com/latchkey-io/latchkey/sshd"
)

func TestHostKeyIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ssh_host_ed25519_key")
	var wg sync.WaitGroup
	keys := make([]gossh.Signer, 8)
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = sshd.LoadOrCreateHostKey(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for _, key := range keys {
		if !bytes.Equal(key.PublicKey().Marshal(), keys[0].PublicKey().Marshal()) || key.PublicKey().Type() != "ssh-ed25519" {
			t.Error("two starts made two keys")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".host_key_*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestHostKeyIsNeverReplaced(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block, err := gossh.MarshalPrivateKey(weak, "")
	if err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(t.TempDir(), "good")
	if _, err := sshd.LoadOrCreateHostKey(good); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	locked, err := gossh.MarshalPrivateKeyWithPassphrase(weak, "", []byte("pw"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		text []byte
		mode os.FileMode
		says string
	}{
		{"wide", text, 0o644, "chmod 600"},
		{"group", text, 0o640, "chmod 600"},
		{"empty", nil, 0o600, "is not a private key"},
		{"half", text[:len(text)/2], 0o600, "is not a private key"},
		{"weak RSA", pem.EncodeToMemory(block), 0o600, "need 3072 bits"},
		{"passphrase", pem.EncodeToMemory(locked), 0o600, "has a passphrase"},
	} {
		path := filepath.Join(t.TempDir(), "key")
		write(t, path, row.text)
		if err := os.Chmod(path, row.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := sshd.LoadOrCreateHostKey(path); err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v", row.name, err)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(after, row.text) {
			t.Errorf("%s: the file was changed", row.name)
		}
	}
	if _, err := sshd.LoadOrCreateHostKey(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
	if _, err := sshd.LoadOrCreateHostKey(filepath.Join(t.TempDir(), "none", "key")); err == nil {
		t.Error("a key was made in a folder that is not there")
	}
}

// What KnownHosts prints is what the real client accepts.
func TestKnownHosts(t *testing.T) {
	d := start(t)
	key := d.person(t, "alice")
	_, port, _ := net.SplitHostPort(d.addr)
	known := filepath.Join(t.TempDir(), "known_hosts")
	strict := func() error {
		return exec.Command("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile="+known,
			"-o", "GlobalKnownHostsFile=/dev/null", "-i", key, "-p", port, "x@127.0.0.1", "whoami").Run()
	}
	write(t, known, nil)
	if strict() == nil {
		t.Error("an unknown host key was accepted")
	}
	write(t, known, []byte(d.KnownHosts(d.addr)))
	if err := strict(); err != nil {
		t.Errorf("the host key was not accepted: %v", err)
	}
	if want := gossh.FingerprintSHA256(d.host); d.Fingerprint() != want {
		t.Errorf("fingerprint %s, want %s", d.Fingerprint(), want)
	}
	if line := d.KnownHosts("git.example.com:22"); !strings.HasPrefix(line, "git.example.com ssh-ed25519 ") {
		t.Errorf("port 22: %q", line)
	}
}

// An RSA host key signs with SHA-2 alone.
func TestRSAHostKey(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := gossh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, func(c *sshd.Config) { c.HostKeys = append(c.HostKeys, signer) })
	for algorithm, works := range map[string]bool{gossh.KeyAlgoRSASHA256: true, gossh.KeyAlgoRSASHA512: true, gossh.KeyAlgoRSA: false, gossh.KeyAlgoED25519: true} {
		key := newSigner(t)
		d.people.register("alice", key.PublicKey())
		cfg := d.clientConfig("x", key)
		cfg.HostKeyAlgorithms, cfg.HostKeyCallback = []string{algorithm}, gossh.InsecureIgnoreHostKey()
		c, err := gossh.Dial("tcp", d.addr, cfg)
		if (err == nil) != works {
			t.Errorf("%s: %v", algorithm, err)
		}
		if err == nil {
			c.Close()
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	if _, err := sshd.New(sshd.Config{}); err == nil {
		t.Error("a server of nothing")
	}
}
