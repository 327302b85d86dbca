package configs

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	// maxSecret bounds a secret file, in bytes.
	maxSecret = 64 << 10
	// maxPEM bounds a certificate or key file, in bytes.
	maxPEM = 1 << 20
)

// Socket is where the daemon's own commands reach it.
func (c *Config) Socket() string { return filepath.Join(c.DataDir, "latchkey.sock") }

// BoltFile is the file of the embedded store.
func (c *Config) BoltFile() string { return filepath.Join(c.DataDir, "latchkey.db") }

// MasterKey is master_key_file or its default in data_dir.
func (c *Config) MasterKey() string {
	if c.MasterKeyFile != "" {
		return c.MasterKeyFile
	}
	return filepath.Join(c.DataDir, "master.key")
}

// HostKeys is ssh.host_key_files or its default in data_dir.
func (c *Config) HostKeys() []string {
	if len(c.SSH.HostKeyFiles) > 0 {
		return c.SSH.HostKeyFiles
	}
	return []string{filepath.Join(c.DataDir, "ssh_host_ed25519_key")}
}

// ReadSecret reads a secret from its file, without one final line break. It
// refuses a file that group or others can read, that is empty, that is larger
// than 64 KiB, or that is not a regular file. Its errors name the file and
// never its content.
func ReadSecret(path string) (string, error) {
	// The check before the open keeps a named pipe from blocking the start;
	// the one after it judges what was really opened.
	if err := regular(os.Stat(path)); err != nil {
		return "", fmt.Errorf("secret file %s: %w", path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("secret file %s: %s", path, reason(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err := regular(info, err); err != nil {
		return "", fmt.Errorf("secret file %s: %w", path, err)
	}
	if wide := info.Mode().Perm() & 0o077; wide != 0 {
		return "", fmt.Errorf("secret file %s: mode %04o lets others in; run chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("secret file %s: %s", path, reason(err))
	case len(text) > maxSecret:
		return "", fmt.Errorf("secret file %s: is larger than %d KiB; it should hold the secret alone", path, maxSecret>>10)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if secret == "" {
		return "", fmt.Errorf("secret file %s: is empty", path)
	}
	return secret, nil
}

func regular(info os.FileInfo, err error) error {
	switch {
	case err != nil:
		return errors.New(reason(err))
	case !info.Mode().IsRegular():
		return errors.New("is not a regular file")
	}
	return nil
}

// checkKeyPair reports what keeps a certificate and its key from being used.
func checkKeyPair(r *report, cert, key string) {
	pems, ok := [2][]byte{}, true
	for i, f := range []struct{ path, name string }{{"http.tls.cert_file", cert}, {"http.tls.key_file", key}} {
		info, err := os.Stat(f.name)
		if err := regular(info, err); err != nil {
			r.at(f.path, "%s", err)
			ok = false
			continue
		}
		if info.Size() > maxPEM {
			r.at(f.path, "is larger than %d MiB; it should hold PEM alone", maxPEM>>20)
			ok = false
			continue
		}
		if pems[i], err = os.ReadFile(f.name); err != nil {
			r.at(f.path, "cannot be read: %s", reason(err))
			ok = false
		}
	}
	if !ok {
		return
	}
	if _, err := tls.X509KeyPair(pems[0], pems[1]); err != nil {
		r.at("http.tls.cert_file", "cannot be used with key_file: %s", strings.TrimPrefix(err.Error(), "tls: "))
	}
}
