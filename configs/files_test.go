package configs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/configs"
)

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tc := range []struct{ path, want string }{
		{file("plain", "hunter2", 0o600), "hunter2"},
		{file("line", "hunter2\n", 0o400), "hunter2"},
		{file("crlf", "hunter2\r\n", 0o600), "hunter2"},
		{file("lines", " hunter2 \n\n", 0o600), " hunter2 \n"},
	} {
		if got, err := configs.ReadSecret(tc.path); err != nil || got != tc.want {
			t.Errorf("%s: %q, %v", tc.path, got, err)
		}
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ path, want string }{
		{file("group", "hunter2", 0o640), "mode 0640 lets others in; run chmod 600"},
		{file("other", "hunter2", 0o604), "mode 0604 lets others in"},
		{file("write", "hunter2", 0o622), "mode 0622 lets others in"},
		{file("empty", "", 0o600), "is empty"},
		{file("blank", "\n", 0o600), "is empty"},
		{file("large", strings.Repeat("hunter2", 10_000), 0o600), "is larger than 64 KiB"},
		{filepath.Join(dir, "none"), "no such file"},
		{dir, "is not a regular file"},
		{fifo, "is not a regular file"},
		{"", "no such file"},
	} {
		got, err := configs.ReadSecret(tc.path)
		if err == nil || got != "" || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %q, %v", tc.path, got, err)
		}
	}
}

// keyPair writes a certificate and its key.
func keyPair(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	cert, key := keyPair(t, dir, "a.example")
	_, otherKey := keyPair(t, dir, "b.example")
	if _, faults := load(t, "http: {listen: '', tls_listen: ':8443', public_url: 'https://a.example', tls: {cert_file: "+cert+", key_file: "+key+"}}\n"); faults != nil {
		t.Error(faults)
	}
	_, faults := load(t, "http:\n  tls:\n    cert_file: "+cert+"\n    key_file: "+otherKey+"\n")
	if len(faults) != 1 || !strings.HasPrefix(faults[0], "f:3: http.tls.cert_file: cannot be used with key_file: private key does not match") {
		t.Error(faults)
	}
	_, faults = load(t, "http:\n  tls:\n    cert_file: "+key+"\n    key_file: "+key+"\n")
	if len(faults) != 1 || strings.Contains(faults[0], "PRIVATE KEY-----") {
		t.Error(faults)
	}
}

func TestOwnSocketThroughLinks(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(data, link); err != nil {
		t.Fatal(err)
	}
	for _, upstream := range []string{"unix:" + link + "/latchkey.sock", "unix:" + dir + "/x/../link/latchkey.sock", "lfs:" + link} {
		_, faults := load(t, "data_dir: "+data+"\nroutes:\n- {name: a, path: /a/, upstream: '"+upstream+"'}\n")
		if len(faults) != 1 || !strings.HasPrefix(faults[0], "f:3: routes[0].upstream: ") {
			t.Errorf("%s: %q", upstream, faults)
		}
	}
}

func TestStorePrintsWithoutPassword(t *testing.T) {
	for in, want := range map[string]string{
		"bolt":                               "bolt",
		"redis://u:hunter2@h:6379/0":         "redis://h:6379/0",
		"redis://h/0?password=hunter2":       "redis://h/0?…",
		"redis+sentinel://:hun@ter2@a,b/m":   "redis+sentinel://a,b/m",
		"redis:hunter2@h":                    "[not a store]",
		"redis://u:hunter2?x@h":              "redis://h",
		"redis+cluster://u:hunter2@a:1,b:22": "redis+cluster://a:1,b:22",
	} {
		s := configs.StoreURL(in)
		text, err := s.MarshalText()
		if s.String() != want || s.GoString() != want || s.LogValue().String() != want || string(text) != want || err != nil {
			t.Errorf("%s prints as %s", in, s)
		}
		if s.Reveal() != in {
			t.Errorf("%s reveals %s", in, s.Reveal())
		}
	}
}
